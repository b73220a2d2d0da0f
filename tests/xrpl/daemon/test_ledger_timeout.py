"""A daemon that waits for ledgers: how it says so, and what it is told about how nodes are asked."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import NoInstruments
from ekspiper.xrpl import ledger_watch, open_network
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.config import NodeSettings, load_settings
from ekspiper.xrpl.daemon import Daemon, redeliver
from ekspiper.xrpl.replay import ReplayNode

from .conftest import LAST, Http, Running

Node = Callable[..., ReplayNode]
ABSENT = 528
SOME = {"from": ABSENT - 2, "until": LAST}

announced_and_in_a_gap = pytest.mark.parametrize(
    "faults", [f"lgrNotFound@{ABSENT}*0", f"missing@{ABSENT}"], ids=["announced", "gap"]
)


@announced_and_in_a_gap
async def test_a_ledger_that_no_node_serves_is_waited_for_and_seen(
    running: Running,
    http: Http,
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    faults: str,
) -> None:
    monkeypatch.setattr(ledger_watch, "LATE", 0.3)
    async with node(faults=faults) as served, running(network=served.url, **SOME) as task:
        content = await http.until("/ready", 503, f"no node serves ledger {ABSENT}, for ")
        assert len(content["reasons"]) == 1
        async with asyncio.timeout(20):
            while await _measured(http) < ledger_watch.LATE:  # noqa: ASYNC110  # a page sets no event
                await asyncio.sleep(0.05)
        assert not task.done()
    (said,) = [text for text in caplog.messages if f"no node serves ledger {ABSENT}" in text]
    assert f"it becomes a dead letter after 30 s; {served.url} holds " in said
    assert not any(text.startswith("flow") for text in caplog.messages)
    assert not _letters(tmp_path / "out")


async def _measured(http: Http) -> float:
    metrics = await http.until("/metrics", 200, "\nekspiper_ledger_wait_seconds ")
    (line,) = [x for x in metrics.splitlines() if x.startswith("ekspiper_ledger_wait_seconds ")]
    return float(line.split()[1])


async def test_a_ledger_that_is_served_late_is_no_dead_letter(
    running: Running, node: Node, tmp_path: Path
) -> None:
    config = "[node]\nledger_timeout = 60\n"
    plan = f"lgrNotFound@{ABSENT}*8"
    async with node(faults=plan) as served, running(config, network=served.url, **SOME) as task:
        outcome = await task
    assert outcome.report.dead_lettered == 0
    assert outcome.report.kept == LAST - ABSENT + 3


@announced_and_in_a_gap
async def test_patience_has_an_end_and_then_there_is_a_dead_letter(
    running: Running, node: Node, tmp_path: Path, faults: str
) -> None:
    config = "[node]\nledger_timeout = 0.5\n"
    async with node(faults=faults) as served, running(config, network=served.url, **SOME) as task:
        outcome = await task
    assert outcome.report.kept == LAST - ABSENT + 2
    (letter,) = _letters(tmp_path / "out")
    assert (letter["position"], letter["error"]) == (ABSENT, "LedgerUnavailable")
    assert f"{served.url} holds" in letter["message"]


def _letters(out: Path) -> list[dict[str, Any]]:
    path = out / "dead_letters.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_option_of_the_pool_can_be_set() -> None:
    options = set(inspect.signature(NodePool).parameters) - {"urls", "wait_for_gaps"}
    assert set(NodeSettings.model_fields) == options - FOR_PROGRAMS


FOR_PROGRAMS = {
    "answer_timeout",
    "avoid_timeout",
    "connect",
    "latest_hedge",
    "overload_timeout",
}
"""What a daemon has no reason to change."""

OPTIONS = {
    "connect_timeout": 11.0,
    "request_timeout": 12.0,
    "network_id": 1021,
    "liveness": 13.0,
    "hedge_after": 14.0,
    "ledger_timeout": 15.0,
    "window": 16,
    "rate": 17.0,
    "polite": True,
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of every pool that is made."""
    found: list[dict[str, Any]] = []

    class Noting(NodePool):
        def __init__(self, urls: Any, **options: Any) -> None:
            found.append(options)
            super().__init__(urls, **options)

    monkeypatch.setattr(open_network, "NodePool", Noting)
    return found


async def test_what_is_set_reaches_the_pool(
    running: Running, node: Node, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    config = "[node]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in OPTIONS.items())
    async with node() as served:
        async with running(config, network=served.url, **{"from": LAST, "until": LAST}) as task:
            await task
        assert made == [{**OPTIONS, "wait_for_gaps": True}]
        (tmp_path / "out" / "dead_letters.redelivering.jsonl").write_text("")
        settings = load_settings(
            tmp_path / "ekspiper.toml", network=served.url, out=tmp_path / "out"
        )
        await redeliver(settings)
    patience = made[1].get("ledger_timeout", inspect.signature(NodePool).parameters)
    assert patience != 15.0, "a redelivery waits for no ledger: somebody waits for it"
    assert {**made[1], "ledger_timeout": 15.0} == OPTIONS


async def test_nodes_that_are_too_busy_are_given_as_long_as_those_without_the_ledger() -> None:
    async def retries(**options: Any) -> dict[str, float | None]:
        settings = load_settings(network="sample", node=options)
        daemon = Daemon(settings)
        async with open_network.open_network("sample") as network:
            pipeline = daemon.pipeline(network, daemon.etl(network, NoInstruments()))
        steps = [step for flow in pipeline.flows for step in flow.steps]
        return {step.name: step.retry.elapsed for step in steps}

    logging.getLogger("ekspiper").setLevel("INFO")
    found = await retries()
    assert found.pop("ledger-details") == 3600
    assert set(found.values()) == {60}
    assert load_settings(network="sample", until=540).ledger_timeout == 30
    assert load_settings(until=540, node={"ledger_timeout": 5}).ledger_timeout == 5
    assert (await retries(ledger_timeout=5))["ledger-details"] == 60

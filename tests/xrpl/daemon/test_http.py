"""Whether it is alive, whether it is ready, and what it measures."""

from __future__ import annotations

import asyncio
import platform
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.replay import ReplayNode

from .conftest import FIRST, LAST, Http, Running

Node = Callable[..., ReplayNode]
METRICS = '[collectors.metrics]\ntype = "metric"\n'


async def test_before_a_node_answers_it_is_alive_and_not_ready(
    running: Running, http: Http
) -> None:
    async with running(network="ws://user:hunter2@127.0.0.1:1/?key=hunter2"):
        assert await http.until("/health", 200) == {"status": "alive"}
        content = await http.until("/ready", 503, "Connection")
        (reason,) = content["reasons"]
        assert reason.startswith("no node is connected yet: ws://***@127.0.0.1:1?***")
        assert "Connection refused" in reason
        assert "hunter2" not in str(content)


async def test_ready_while_it_follows_and_not_when_the_node_is_gone(
    running: Running, http: Http, node: Node
) -> None:
    async with node(close_every=0.02) as served, running(network=served.url, **{"from": FIRST}):
        assert await http.until("/ready", 200) == {"status": "ready"}
        await served.close()
        content = await http.until("/ready", 503)
        assert content["status"] == "not ready"
        assert content["reasons"][0].startswith(f"no node is ready: {served.url} is down")
        assert await http.until("/health", 200) == {"status": "alive"}


async def test_not_ready_when_a_sink_does_not_take_records(
    running: Running, http: Http, node: Node
) -> None:
    config = '[collectors.far]\ntype = "fluent"\ntag = "t"\nport = 1\nconnect_timeout = 0.2\n'
    async with (
        node(close_every=0) as served,
        running(config, network=served.url, **{"from": FIRST}),
    ):
        content = await http.until("/ready", 503, "127.0.0.1:1: Connection refused")
        assert any("127.0.0.1:1" in reason for reason in content["reasons"])


async def test_what_else_is_there(running: Running, http: Http) -> None:
    async with running(network="ws://127.0.0.1:1"):
        assert "<h1>ekspiper" in await http.until("/", 200)
        assert (await http.get("/nothing"))[0] == 404


async def test_metrics_of_the_run_and_of_the_records(
    running: Running, http: Http, node: Node
) -> None:
    async with (
        node(close_every=0) as served,
        running(METRICS, network=served.url, **{"from": FIRST}) as task,
    ):
        text = await http.until("/metrics", 200, "xrpl_transactions_total{")
        await http.until("/metrics", 200, 'ekspiper_checkpoint_position{flow="ledger-details"}')
        assert not task.done()
    for name in ("ekspiper_source_lag_seconds", "ekspiper_queue_items", "xrpl_ledgers_total"):
        assert f"# HELP {name} " in text


async def test_openmetrics_where_it_is_asked_for_and_no_created_series(
    running: Running, http: Http
) -> None:
    async with running(network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
        for accept, kind in (
            ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
            ("*/*", "text/plain"),
        ):
            reply = await http.ask("/metrics", Accept=accept)
            assert reply.content_type == kind
            assert (b"# EOF" in await reply.read()) is (kind != "text/plain")
            assert b"_created" not in await reply.read()


async def test_the_nodes_are_metrics_without_their_secrets(
    running: Running, http: Http, node: Node
) -> None:
    async with node() as served:
        secret = served.url.replace("ws://", "ws://user:hunter2@")
        async with running(METRICS, network=f"{secret},ws://127.0.0.1:1", **{"from": FIRST}):
            label = secret.replace("user:hunter2", "***")
            up = f'ekspiper_node_state{{node="{label}",state="ready"}} 1.0'
            text = await http.until("/metrics", 200, up)
            assert 'ekspiper_node_state{node="ws://127.0.0.1:1",state="ready"} 0.0' in text
            newest = f'ekspiper_node_ledger_index{{node="{label}"}} {LAST}.0'
            await http.until("/metrics", 200, newest)
            text = await http.until("/metrics", 200, "ekspiper_ready 1.0")
    assert "hunter2" not in text
    assert f'ekspiper_build_info{{python="{platform.python_version()}"' in text


@pytest.mark.skipif(not which("promtool"), reason="promtool (package prometheus) is not installed")
async def test_promtool_has_no_complaint(running: Running, http: Http, node: Node) -> None:
    async with (
        node() as served,
        running(METRICS, network=served.url, **{"from": FIRST}),
    ):
        text = await http.until("/metrics", 200, "xrpl_book_best_quality{")
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate(text.encode())
    assert (promtool.returncode, said) == (0, b"")


async def test_a_port_in_use(running: Running, http: Http, port: int, tmp_path: Path) -> None:
    async with running(network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
        async with running(network="ws://127.0.0.1:1", out=tmp_path / "other") as second:
            with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: address"):
                await second


async def test_without_http(running: Running, http: Http) -> None:
    config = "[http]\nenabled = false\n"
    async with running(config, http=None, network="sample", **{"from": 538}) as task:
        await task
        assert await http.get("/health") == (0, None)


async def test_a_signal_of_readiness_has_no_secret(
    running: Running, http: Http, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "correct horse battery staple")
    config = (
        '[collectors.far]\ntype = "fluent"\ntag = "t"\nport = 1\nconnect_timeout = 0.2\n'
        'shared_key = { env = "THE_KEY" }\n'
    )
    async with (
        node(close_every=0) as served,
        running(config, network=served.url, **{"from": FIRST}),
    ):
        shown: list[Any] = [await http.until("/ready", 503, "127.0.0.1:1: Connection refused")]
        shown.append(await http.get("/metrics"))
    assert "correct horse" not in str(shown)

"""The status of a daemon: the document, the page made of it, and the events that keep it current."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.config import load_settings
from ekspiper.xrpl.daemon._readiness import Readiness
from ekspiper.xrpl.daemon._status import History, Status, page, view
from ekspiper.xrpl.replay import ReplayNode

from .conftest import FIRST, LAST, Http, Running

Node = Callable[..., ReplayNode]
METRICS = '[collectors.metrics]\ntype = "metric"\n'


async def until(http: Http, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status as soon as something holds of it."""
    async with asyncio.timeout(20):
        while True:
            _, document = await http.get("/status")
            if document is not None and holds(document):
                found: dict[str, Any] = document
                return found
            await asyncio.sleep(0.02)


async def test_the_document_says_where_it_is(running: Running, http: Http, node: Node) -> None:
    async with node() as served, running(METRICS, network=served.url, **{"from": FIRST}):
        found = await until(http, lambda each: each["ledger"]["kept"] == LAST)
    assert (found["state"], found["ready"], found["reasons"]) == ("running", True, [])
    assert found["ledger"]["network"] == LAST
    assert found["ledger"]["read"] == LAST - FIRST + 1
    assert (found["ledger"]["proven"], found["ledger"]["signed"]) == ("hashed", None)
    assert found["transactions"] == 2793
    (shown,) = found["nodes"]
    assert (shown["url"], shown["state"], shown["newest"]) == (served.url, "ready", LAST)
    flows = {flow["name"]: flow for flow in found["pipeline"]}
    (etl,) = flows["transaction-record"]["steps"]
    assert flows["transaction-record"]["queue"] == "txn_records_flow_q"
    kept = {each["collector"]: each["items"] for each in etl["to"]}
    assert kept == {"files": 2793, "metrics": 2793}


async def test_before_a_node_answers_there_is_a_page(running: Running, http: Http) -> None:
    async with running(network="ws://127.0.0.1:1"):
        text = await http.until("/", 200, "no node is connected yet")
        assert "Starting" in text


async def test_no_secret_is_in_it(
    running: Running, http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THE_KEY", "correct horse battery staple")
    (tmp_path / "key").write_text("hunter3")
    config = (
        '[collectors.far]\ntype = "fluent"\ntag = "t"\nport = 1\nuser = "u"\n'
        f'shared_key = {{ env = "THE_KEY" }}\npassword = {{ file = "{tmp_path}/key" }}\n'
    )
    async with running(config, network="ws://user:hunter2@127.0.0.1:1/?key=hunter2"):
        found = await until(http, lambda each: bool(each["nodes"]))
        text = await http.until("/", 200)
    assert found["configuration"]["collectors"]["far"]["shared_key"] == "***"
    assert found["configuration"]["collectors"]["far"]["password"] == "***"
    assert found["configuration"]["network"] == "ws://***@127.0.0.1:1?***"
    for secret in ("hunter", "correct horse", "THE_KEY", str(tmp_path / "key")):
        assert secret not in text + json.dumps(found)


async def test_dead_letters_are_listed_with_their_reasons(
    running: Running, http: Http, node: Node
) -> None:
    config = METRICS + "[node]\nledger_timeout = 0.2\n"
    options = {"from": FIRST, "until": None}
    async with (
        node(faults=f"missing@{FIRST + 3}") as served,
        running(config, network=served.url, **options),
    ):
        found = await until(http, lambda each: bool(each["dead_letters"]["last"]))
        text = await http.until("/", 200, "LedgerUnavailable")
    (letter,) = found["dead_letters"]["last"]
    assert letter["flow"] == letter["step"] == "ledger-details"
    assert letter["error"] == "LedgerUnavailable"
    assert str(FIRST + 3) in letter["message"]
    assert found["dead_letters"]["file"].endswith("/dead_letters.jsonl")
    assert "dead_letters.jsonl" in text


async def test_events_carry_the_view_and_end_with_the_daemon(
    running: Running, http: Http, node: Node
) -> None:
    async with node(close_every=0.05) as served:
        async with running(METRICS, network=served.url, **{"from": FIRST}):
            await http.until("/ready", 200)
            reply = await http.ask("/events", Accept="text/event-stream")
            assert reply.content_type == "text/event-stream"
            first = await reply.content.readuntil(b"\n\n")
            second = await reply.content.readuntil(b"\n\n")
            began = asyncio.get_running_loop().time()
        took = asyncio.get_running_loop().time() - began
    assert first.startswith(b"data: ")
    assert b"Newest ledger kept" in second
    assert first != second
    assert took < 20, "an open page kept the daemon from ending"


async def test_a_page_that_reads_nothing_does_not_hold_the_daemon(
    running: Running, http: Http, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1000))
    monkeypatch.setattr(
        "ekspiper.xrpl.daemon._http_server.view", lambda _: f"{next(numbers)}" * 20_000_000
    )
    async with running(network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")  # and no more of the 20 MB
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 10
    writer.close()


async def test_only_so_many_pages_are_kept_current(
    running: Running, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.xrpl.daemon._http_server._MOST_READERS", 1)
    async with running(network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
        reply = await http.ask("/events")
        await reply.content.readuntil(b"\n\n")
        assert (await http.get("/events"))[0] == 503
        reply.close()


async def test_nothing_can_be_changed(running: Running, http: Http) -> None:
    async with running(network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
        for path in ("/", "/status", "/events", "/ready", "/metrics"):
            assert await http.send("POST", path) == 405


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_a_port_that_others_can_reach_is_said(
    running: Running, http: Http, caplog: pytest.LogCaptureFixture, host: str, warns: bool
) -> None:
    config = f'[http]\nhost = "{host}"\n'
    async with running(config, network="ws://127.0.0.1:1"):
        await http.until("/health", 200)
    said = [each for each in caplog.messages if each.startswith("anybody who can reach")]
    assert bool(said) is warns


class Checker(HTMLParser):
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag != "evil"
        if tag not in ("meta", "link", "wbr", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("polyline",):
            assert self.open.pop() == tag


def document(**changes: Any) -> dict[str, Any]:
    evil = "<evil>&\"'"
    target = {
        "collector": evil,
        "type": evil,
        "items": 1,
        "bytes": 2_500_000,
        "retries": 0,
        "dead_letters": 3,
        "lag": None,
        "problem": evil,
    }
    queue = {"queue": evil, "items": 9, "limit": 10, "bytes": 0, "bytes_limit": 10}
    step = {"name": evil, "in": 1, "out": 2, "retries": 0, "problem": evil}
    node = {
        "url": evil,
        "state": "down",
        "problem": evil,
        "kind": None,
        "version": evil,
        "ledgers": "",
        "newest": None,
        "latency": None,
        "in_flight": 0,
        "requests": 0,
        "errors": 0,
        "reconnects": 0,
    }
    letter = dict.fromkeys(("time", "position", "flow", "step", "collector", "error"), evil)
    return {
        "version": evil,
        "network": evil,
        "state": "running",
        "ready": False,
        "reasons": [evil],
        "started": evil,
        "now": "",
        "ledger": {
            "network": 9,
            "kept": None,
            "read": 0,
            "open": 0,
            "source_lag": None,
            "lag": None,
            "proven": "hashed",
            "signed": 8,
        },
        "transactions": 0,
        "rate": 0.0,
        "nodes": [node],
        "pipeline": [
            {"name": "a", "queue": None, "steps": [{**step, "to": [queue, target]}]},
            {"name": "b", "queue": evil, "steps": [{**step, "to": [target]}]},
        ],
        "dead_letters": {"count": 1, "file": evil, "last": [{**letter, "message": evil}]},
        "history": {"every": 5.0, "rate": [1.0, 2.0], "lag": [None, 3.0]},
        "configuration": {evil: evil},
        **changes,
    }


def test_what_nodes_and_sinks_say_cannot_become_part_of_the_page() -> None:
    checker = Checker()
    checker.feed(page(document()))
    assert checker.open == []


def test_a_queue_that_is_nearly_full_shows() -> None:
    assert "queue full" in view(document())


def test_the_history_knows_the_last_minutes() -> None:
    history = History(every=5, over=15)
    for second in range(100):
        history.note(float(second), second * 10, None if second < 90 else 1.0)
    assert [sample.rate for sample in history.samples] == [10, 10, 10]
    assert [sample.lag for sample in history.samples] == [None, 1.0, 1.0]


async def test_a_letter_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    letter = {"time": "t", "position": 7, "flow": "f", "step": "s", "collector": None}
    line = json.dumps({**letter, "error": "E", "message": "m", "item": "x" * 300_000})
    file = tmp_path / "letters"
    file.write_text(f"{line}\n{line[:100]}")
    status = Status(
        load_settings(None, network="sample"),
        Readiness(sink_patience=1, network_patience=1),
        history=History(),
        letters=file,
    )
    found = await status.document([])
    assert found["dead_letters"]["last"] == []
    file.write_text(f"{line}\n" + json.dumps({**letter, "error": "E", "message": "m"}) + "\n")
    found = await status.document([])
    assert [each["message"] for each in found["dead_letters"]["last"]] == ["m"]

from __future__ import annotations

import asyncio
import io

from rich.console import Console

from ekspiper.xrpl.cli._commands.nodes import _problems, _statuses, _table
from ekspiper.xrpl.client import LedgerSet, NodeStatus
from ekspiper.xrpl.replay import Recording, ReplayNode


def status(**changes: object) -> NodeStatus:
    values: dict[str, object] = {
        "url": "wss://s1.ripple.com:51233",
        "state": "ready",
        "network": 0,
        "kind": "rippled",
        "version": "2.3.0-b4",
        "ledgers": LedgerSet.parse("32570-6595042,6595052-94000000"),
        "latency": 0.1234,
        "in_flight": 12,
        "window": 128,
        "load": 1.0,
        "requests": 7,
        "answers": 7,
        "reconnects": 0,
        "errors": 0,
        "problem": "",
        "public": True,
    }
    return NodeStatus(**{**values, **changes})  # type: ignore[arg-type]


def test_nodes_of_different_kinds_fit_into_a_hundred_columns() -> None:
    statuses = [
        status(),
        status(url="ws://127.0.0.1:6006", kind="clio", ledgers=LedgerSet.parse("3-302")),
        status(
            url="wss://***@node.example:51233/v1/***",
            state="down",
            network=None,
            kind=None,
            version="",
            ledgers=LedgerSet(),
            latency=None,
            errors=3,
            problem="Connection refused",
        ),
    ]
    text = io.StringIO()
    Console(file=text, width=100).print(_table(statuses))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == [
        *("URL", "state", "network", "version", "ledgers", "latency", "in", "flight", "errors"),
    ]
    first = next(line for line in lines if "wss://s1.ripple.com:51233" in line)
    assert "rippled 2.3.0-b4" in first
    assert "123.4 ms" in first
    assert "12/128" in first
    assert any("clio 2.3.0-b4" in line and "3-302" in line for line in lines)
    assert len(lines) <= 8
    assert _problems(statuses) == ["wss://***@node.example:51233/v1/***: Connection refused"]


def test_a_clio_that_cannot_name_its_network_still_holds_ledgers() -> None:
    table = _table([status(kind="clio", network=None, ledgers=LedgerSet.parse("4-540"))])
    text = io.StringIO()
    Console(file=text, width=100).print(table)
    assert "4-540" in text.getvalue()


async def test_every_node_is_waited_for() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    with Recording.sample() as sample:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with (
            server,
            ReplayNode(sample) as quick,
            ReplayNode(sample, faults="latency=0.3") as slow,
        ):
            never = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            statuses = await _statuses(f"{quick.url},{slow.url},{never}", 1.0)
    assert [status.state for status in statuses] == ["ready", "ready", "connecting"]
    assert _problems(statuses) == [f"{never}: no answer yet"]

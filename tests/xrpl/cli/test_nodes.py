from __future__ import annotations

import io

from rich.console import Console

from ekspiper.xrpl.cli.nodes import _problems, _table
from ekspiper.xrpl.client import LedgerSet, NodeStatus


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
        "answers": 7,
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

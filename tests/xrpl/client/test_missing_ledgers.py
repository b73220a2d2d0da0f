"""Ledgers that are announced and not served, or that fall into a gap: how long they are waited for."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ekspiper.xrpl.client import LedgerUnavailable, NodePool, NodeUnreachable
from ekspiper.xrpl.client._node import Node
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRef

from .virtual import clock, virtual

PATIENT: dict[str, Any] = {"ledger_timeout": 600.0, "wait_for_gaps": True}


async def refuse(node: Any, connection: Any, request: Any, error: str) -> bool:
    await node.send(
        connection, {"id": request["id"], "type": "response", "status": "error", "error": error}
    )
    return True


@virtual
async def test_a_ledger_that_was_announced_is_waited_for(memory: Any, ledgers: Any) -> None:
    announced = max(ledgers)
    served = asyncio.Event()

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != "ledger" or served.is_set():
            return False
        return await refuse(self, connection, request, "lgrNotFound")

    only = memory.node(fault=fault)
    async with memory.pool(only, **PATIENT) as pool:
        assert pool.missing_ledgers == {}
        fetching = asyncio.ensure_future(FetchLedger(pool).fetch(LedgerRef(announced)))
        await only.until_asked("ledger", 5)
        assert list(pool.missing_ledgers) == [announced]
        assert 0 < pool.missing_ledgers[announced] < 10
        served.set()
        assert (await fetching).ledger_index == announced
        assert pool.missing_ledgers == {}


@virtual
async def test_a_ledger_that_is_later_is_asked_for_less_often(memory: Any, ledgers: Any) -> None:
    asked: list[float] = []

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != "ledger":
            return False
        asked.append(clock())
        return await refuse(self, connection, request, "lgrNotFound")

    only = memory.node(fault=fault)
    async with memory.pool(only, **PATIENT) as pool:
        with pytest.raises(LedgerUnavailable, match=r"after 600 s.*last answer was lgrNotFound"):
            await FetchLedger(pool).fetch(LedgerRef(max(ledgers)))
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses[:10]) < 0.4
    assert 5.0 <= max(pauses[-10:]) < 5.5
    assert 100 < len(asked) < 200


@virtual
async def test_a_gap_that_an_outage_left_is_waited_for_until_it_is_filled(
    memory: Any, ledgers: Any
) -> None:
    first, last = min(ledgers), max(ledgers)
    whole = dict(ledgers)
    only = memory.node(
        ledgers={i: r for i, r in ledgers.items() if i != first + 3},
        holds=f"{first}-{first + 2},{first + 4}-{last}",
    )
    async with memory.pool(only, **PATIENT) as pool:
        fetching = asyncio.ensure_future(FetchLedger(pool).fetch(LedgerRef(first + 3)))
        await only.until_asked("ledger", 3)  # though it does not say that it holds it
        assert list(pool.missing_ledgers) == [first + 3]
        only.ledgers, only.holds = whole, f"{first}-{last}"
        assert (await fetching).ledger_index == first + 3


@virtual
async def test_what_never_comes_is_given_up_once_for_the_whole_gap(
    memory: Any, ledgers: Any
) -> None:
    first, last = min(ledgers), max(ledgers)
    only = memory.node(
        ledgers={i: r for i, r in ledgers.items() if not first + 3 <= i <= first + 9},
        holds=f"{first}-{first + 2},{first + 10}-{last}",
    )
    async with memory.pool(only, **PATIENT) as pool:
        with pytest.raises(
            LedgerUnavailable, match=rf"no node has ledger {first + 3}, after 600 s: "
        ):
            await FetchLedger(pool).fetch(LedgerRef(first + 3))
        with pytest.raises(LedgerUnavailable) as failure:
            await FetchLedger(pool).fetch(LedgerRef(first + 4))
        assert f"no node has ledger {first + 4}: {only.url} holds" in str(failure.value)


@virtual
async def test_what_is_not_wanted_any_more_is_not_missing(memory: Any, ledgers: Any) -> None:
    only = memory.node()
    async with memory.pool(only, **PATIENT) as pool:
        waiting = asyncio.ensure_future(
            pool.request({"command": "ledger", "ledger_index": max(ledgers) + 1})
        )
        await only.until_asked("server_info", 2)
        assert list(pool.missing_ledgers) == [max(ledgers) + 1]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert pool.missing_ledgers == {}


@virtual
async def test_the_timeout_for_ledgers_is_not_for_a_node_that_cannot_answer(
    memory: Any,
) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != "fee":
            return False
        return await refuse(self, connection, request, "amendmentBlocked")

    only = memory.node(fault=fault)
    async with memory.pool(only, **PATIENT) as pool:
        began = clock()
        with pytest.raises(NodeUnreachable, match="no node could answer fee: amendmentBlocked"):
            await pool.request({"command": "fee"})
        assert 10 <= clock() - began < 11


@virtual
async def test_time_without_any_node_is_not_counted(memory: Any, ledgers: Any) -> None:
    only = memory.node()
    async with memory.pool(only) as pool:
        await only.stop()
        waiting = asyncio.ensure_future(
            pool.request({"command": "ledger", "ledger_index": max(ledgers)})
        )
        await asyncio.sleep(1800)  # the time-out is 10 s
        assert not waiting.done()
        assert pool.missing_ledgers.get(max(ledgers), 0.0) < 10
        await only.start()
        await waiting


def test_every_option_reaches_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    init = Node.__init__

    def note(self: Node, *args: Any, **options: Any) -> None:
        made.append(options)
        init(self, *args, **options)

    monkeypatch.setattr(Node, "__init__", note)
    NodePool("ws://127.0.0.1:1", liveness=7.0, request_timeout=3.0, window=5, rate=2.0)
    (options,) = made
    assert (options["liveness"], options["open_timeout"]) == (7.0, 3.0)
    assert options["window"].maximum == 5
    options["window"].sent(0.0)
    assert options["window"].opens_at() == 0.5

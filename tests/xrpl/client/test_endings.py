"""Requests that are cancelled, pools that are closed: nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ekspiper.xrpl.client import ConnectionLost, NodePool, NodeUnreachable
from ekspiper.xrpl.sources import LedgerObjects, LedgerStream


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def never(node: Any, connection: Any, request: Any, response: Any) -> bool:
    return bool(request["command"] == "ping")


async def test_closing_fails_what_waits_and_leaves_no_task_and_no_socket(node: Any) -> None:
    only = await node(fault=never)
    before = tasks()
    pool = NodePool(only.url, window=2)
    await pool.open()
    stream = pool.subscribe(["ledger"])
    with_node = [asyncio.create_task(pool.request({"command": "ping"})) for _ in range(2)]
    waiting = [asyncio.create_task(pool.request({"command": "ping"})) for _ in range(20)]
    parked = [asyncio.create_task(pool.request({"command": "ledger", "ledger_index": 10**6}))]
    await only.until_asked("ping", 2)
    await pool.close()
    done = await asyncio.gather(*with_node, *waiting, *parked, return_exceptions=True)
    assert {type(each) for each in done} == {ConnectionLost}
    with pytest.raises(ConnectionLost):
        await anext(stream)
    assert {t for t in tasks() - before if "ScriptedNode" not in repr(t)} == set()
    await pool.close()  # twice is fine
    with pytest.raises(ConnectionLost, match="not open"):
        await pool.request({"command": "ping"})


async def test_pool_that_was_closed_can_be_opened_again(node: Any) -> None:
    only = await node()
    pool = NodePool(only.url)
    for times in (1, 2, 3):
        async with pool:
            await pool.request({"command": "ping"})
        assert only.connections == times
    await only.stop()
    pool = NodePool(only.url, connect_timeout=0.3)
    with pytest.raises(NodeUnreachable):
        await pool.open()
    await only.start()
    async with pool:
        await pool.request({"command": "ping"})


async def test_cancelled_opening_leaves_nothing(node: Any) -> None:
    async def silent(node: Any, connection: Any, request: Any, response: Any) -> bool:
        return True

    only = await node(fault=silent)
    before = tasks()
    opening = asyncio.create_task(NodePool(only.url).open())
    await only.until_asked("server_info")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert {t for t in tasks() - before if "ScriptedNode" not in repr(t)} == set()


async def test_cancelled_requests_make_room_for_others(node: Any) -> None:
    """Those that a node works on still count as open there; those that waited are gone."""
    answer = asyncio.Event()

    async def held(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "ping":
            await answer.wait()
        return False

    only = await node(fault=held)
    async with NodePool(only.url, window=4) as pool:
        working = [asyncio.create_task(pool.request({"command": "ping"})) for _ in range(4)]
        waiting = [asyncio.create_task(pool.request({"command": "ping"})) for _ in range(50)]
        await only.until_asked("ping", 4)
        for task in (*working, *waiting):
            task.cancel()
        await asyncio.gather(*working, *waiting, return_exceptions=True)
        last = asyncio.create_task(pool.request({"command": "ping"}))
        assert pool.nodes()[0].in_flight == 4
        answer.set()
        assert await last == {}
        assert pool.nodes()[0].in_flight == 0
    assert len(only.asked("ping")) == 5


async def test_streams_that_nobody_reads_are_unsubscribed(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        first, second = pool.subscribe(["ledger"]), pool.subscribe(["ledger", "transactions"])
        await only.until_asked("subscribe", 2)
        second.close()
        await only.until_asked("unsubscribe")
        assert only.asked("unsubscribe")[-1]["streams"] == ["transactions"]
        first.close()
        await only.until_asked("unsubscribe", 2)
        assert only.asked("unsubscribe")[-1]["streams"] == ["ledger"]
        assert only.connections == 1


async def test_source_that_is_left_early_leaves_no_task(node: Any, ledgers: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        stream = aiter(LedgerStream(pool, start=min(ledgers)))
        before = tasks()
        await anext(stream)
        await stream.aclose()
        await only.until_asked("unsubscribe")
        await pool.request({"command": "ping"})
        assert tasks() - before == set()


async def test_failed_reading_of_the_state_leaves_no_task(node: Any) -> None:
    only = await node()  # which knows no ledger_data
    async with NodePool(only.url) as pool:
        before = tasks()
        with pytest.raises(Exception, match="unknownCmd"):
            async for _ in LedgerObjects(pool, only.closed, parallel=4):
                pass
        assert {t for t in tasks() - before if "ScriptedNode" not in repr(t)} == set()

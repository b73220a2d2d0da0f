"""The pool's time-outs, as they are by default, on a clock that does not wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ekspiper.xrpl.client import (
    NodeBusy,
    NodePool,
    NodeUnreachable,
    RequestTimeout,
    SubscriptionOverrun,
)

from .virtual import clock, virtual


def silent(*commands: str) -> Any:
    """A fault: these commands are never answered."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        return request["command"] in commands

    return fault


def saying(command: str, **answer: Any) -> Any:
    """A fault: this command is answered so."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != command:
            return False
        await self.send(connection, {"id": request["id"], "type": "response", **answer})
        return True

    return fault


@virtual
async def test_a_node_that_sits_on_a_request_is_connected_to_again(memory: Any, said: Any) -> None:
    only = memory.node(fault=silent("fee"))
    async with memory.pool(only) as pool:
        began = clock()
        with pytest.raises(RequestTimeout, match="fee: not answered 3 times"):
            await pool.request({"command": "fee"})
        assert 60 <= clock() - began < 62
        assert only.connections == 3
    assert (
        "did not answer fee for 20.1 s; connecting again, 1 open request is sent again" in said()[0]
    )


@virtual
async def test_a_slow_request_goes_to_another_node_as_well(memory: Any, said: Any) -> None:
    slow, good = memory.node(fault=silent("ledger")), memory.node()
    async with memory.pool(slow, good) as pool:
        await asyncio.sleep(1)
        began = clock()
        index = good.closed
        answer = await pool.ask({"command": "ledger", "ledger_index": index}, avoid=[good.url])
        assert answer.node == good.url
        assert 1 <= clock() - began < 1.2


@virtual
async def test_nodes_may_refuse_for_two_minutes(memory: Any) -> None:
    only = memory.node(fault=saying("fee", status="error", error="slowDown"))
    async with memory.pool(only) as pool:
        began = clock()
        with pytest.raises(NodeBusy, match=r"fee was refused for 1\d\d s: slowDown"):
            await pool.request({"command": "fee"})
        assert 120 < clock() - began < 137
    # The pauses between double up to 16 s: that is not many questions.
    assert len(only.asked("fee")) < 20


@virtual
async def test_a_greeting_takes_ten_seconds_at_most(memory: Any) -> None:
    only = memory.node(fault=silent("server_info"))
    pool = memory.pool(only, connect_timeout=65)
    with pytest.raises(NodeUnreachable, match="no answer in time"):
        await pool.open()
    # The pauses between are random, and doubled each time.
    assert 3 <= only.connections <= 7  # no more than one in ten seconds


@virtual
async def test_a_subscribed_node_without_ledgers_is_connected_to_again(memory: Any) -> None:
    only = memory.node()
    async with memory.pool(only) as pool, pool.subscribe(["ledger"]):
        await asyncio.sleep(14)
        assert only.connections == 1
        await asyncio.sleep(3)
        assert only.connections == 2
        # A network that stands still is not connected to every 15 s.
        await asyncio.sleep(3600)
        assert only.connections < 22


@virtual
async def test_a_silent_connection_is_pinged_and_then_dead(memory: Any, said: Any) -> None:
    only = memory.node(fault=silent("ping"))
    async with memory.pool(only):
        await asyncio.sleep(9)
        assert len(only.asked("ping")) == 1
        assert only.connections == 1
        await asyncio.sleep(3)
        assert only.connections == 2
    assert "a ping was not answered; connecting again" in said()[0]


@virtual
async def test_a_node_that_lied_comes_back_after_a_minute_then_two(memory: Any) -> None:
    liar, good = memory.node(), memory.node()
    async with memory.pool(liar, good) as pool:
        await asyncio.sleep(1)
        for minutes in (1, 2, 4):
            pool.report_lie(liar.url, "it was wrong")
            await asyncio.sleep(60 * minutes - 1)
            assert pool.nodes()[0].state == "ejected"
            await asyncio.sleep(2)
            assert pool.nodes()[0].state == "ready"


@virtual
async def test_a_node_that_cannot_be_read_is_asked_again_after_a_minute(memory: Any) -> None:
    odd, good = memory.node(holds="everything"), memory.node()
    async with memory.pool(odd, good) as pool:
        await asyncio.sleep(59)
        assert (odd.connections, pool.nodes()[0].state) == (1, "down")
        odd.holds = None
        await asyncio.sleep(3)
        assert (odd.connections, pool.nodes()[0].state) == (2, "ready")


@virtual
async def test_a_node_that_is_away_for_an_hour(memory: Any, said: Any) -> None:
    only = memory.node()
    async with memory.pool(only) as pool:
        await only.stop()
        waiting = asyncio.ensure_future(pool.request({"command": "ping"}))
        await asyncio.sleep(3600)
        assert not waiting.done()
        lines = len(said())
        assert lines < 60 + 10  # once a minute
        await only.start()
        began = clock()
        assert await waiting == {}
        assert clock() - began < 16


@virtual
async def test_what_can_be_done_without_is_waited_for_ten_seconds(memory: Any) -> None:
    only = memory.node(fault=silent("server_definitions"))
    async with memory.pool(only) as pool:
        began = clock()
        with pytest.raises(NodeUnreachable):
            await pool.ask_once({"command": "server_definitions"})
        assert 10 <= clock() - began < 10.2


@virtual
async def test_a_reader_that_is_too_slow(memory: Any) -> None:
    only = memory.node()
    async with memory.pool(only) as pool:
        subscription = pool.subscribe(["server"])
        for _ in range(10_001):
            pool.streamed(pool._nodes[0], {"type": "serverStatus"})
        with pytest.raises(SubscriptionOverrun):
            async for _ in subscription:
                pass


def test_a_pool_of_real_nodes_is_what_a_user_makes() -> None:
    assert NodePool("ws://127.0.0.1:1").nodes()[0].state == "connecting"

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ekspiper.xrpl.client import NodePool, RequestError, SubscriptionOverrun
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRef

FAST: dict[str, Any] = {"request_timeout": 0.6, "liveness": 0.9, "hedge_after": 0.3}


async def test_each_ledger_once_whichever_node_is_first(node: Any, ledgers: Any) -> None:
    first = min(ledgers)
    nodes = [await node(closed=first) for _ in range(3)]
    async with NodePool([n.url for n in nodes]) as pool:
        await asyncio.gather(*(n.until_asked("server_info") for n in nodes))
        async with pool.subscribe(["ledger"]) as stream:
            got = [(await anext(stream))["ledger_index"]]
            await asyncio.gather(*(n.until_asked("subscribe") for n in nodes))
            for index in range(first + 1, first + 10):
                for one in nodes:
                    await one.close_ledger(index)
                got.append((await anext(stream))["ledger_index"])
            await pool.request({"command": "ping"})
    assert got == list(range(first, first + 10))


async def test_subscription_survives_its_connection(node: Any, ledgers: Any) -> None:
    first = min(ledgers)
    only = await node(closed=first)
    async with NodePool(only.url, **FAST) as pool, pool.subscribe(["ledger"]) as stream:
        assert (await anext(stream))["ledger_index"] == first
        await only.stop()
        only.closed = first + 5
        await only.start()
        # The reply to the new subscription says at once what was missed.
        assert (await anext(stream))["ledger_index"] == first + 5
        assert only.asked("subscribe")[-1]["streams"] == ["ledger"]
        await only.close_ledger(first + 6)
        assert (await anext(stream))["ledger_index"] == first + 6


async def test_late_subscriber_gets_the_newest_ledger(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        early, late = pool.subscribe(["ledger"]), None
        await anext(early)
        late = pool.subscribe(["ledger"])
        assert (await anext(late))["ledger_index"] == only.closed
        assert len(only.asked("subscribe")) == 1
        late.close()
        with pytest.raises(StopAsyncIteration):
            await anext(late)


async def test_refused_stream_fails_its_reader(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "subscribe":
            del response["result"]
            response.update(status="error", error="malformedStream")
        return False

    only = await node(fault=fault)
    async with NodePool(only.url) as pool:
        with pytest.raises(RequestError, match="malformedStream"):
            await anext(pool.subscribe(["nosuch"]))
        await pool.request({"command": "ping"})


async def test_reader_that_is_too_slow_is_told(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        stream = pool.subscribe(["server"])
        newest = pool.subscribe(["server"], newest_only=True)
        for number in range(10_001):
            pool.streamed(pool._nodes[0], {"type": "serverStatus", "number": number})
        assert (await anext(newest))["number"] == 10_000
        for _ in range(10_000):
            await anext(stream)
        with pytest.raises(SubscriptionOverrun):
            await anext(stream)


async def test_transactions_are_told_apart_by_their_hash(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        stream = pool.subscribe(["transactions"])
        for name in ("A", "B", "A", "C"):
            message = {"type": "transaction", "hash": name, "validated": True}
            pool.streamed(pool._nodes[0], message)
        assert [(await anext(stream))["hash"] for _ in range(3)] == ["A", "B", "C"]


async def test_node_alone_against_two_about_a_hash_is_ejected(
    node: Any, ledgers: Any, said: Any
) -> None:
    first = min(ledgers)
    nodes = [await node(closed=first) for _ in range(3)]
    nodes[0].ledgers = {**ledgers, first + 1: {**ledgers[first + 1], "ledger_hash": "AB" * 32}}
    async with NodePool([n.url for n in nodes]) as pool:
        await asyncio.gather(*(n.until_asked("server_info") for n in nodes))
        async with pool.subscribe(["ledger"]) as stream:
            await asyncio.gather(*(n.until_asked("subscribe") for n in nodes))
            await anext(stream)
            for one in nodes:
                await one.close_ledger(first + 1)
                await pool.refresh()
        assert [n.state for n in pool.nodes()].count("ejected") == 1
        closed = pool.closed_ledger(first + 1)
        assert closed is not None
        assert closed["ledger_hash"] == ledgers[first + 1]["ledger_hash"]
    assert any("it alone says that ledger" in text for text in said())


async def test_node_that_leaves_its_fork_is_believed_again(
    node: Any, ledgers: Any, said: Any
) -> None:
    first = min(ledgers)
    only = await node(closed=first)
    forked = {**only.closed_message(first + 1), "ledger_hash": "AB" * 32}
    async with NodePool(only.url) as pool, pool.subscribe(["ledger"]) as stream:
        await anext(stream)
        for connection in tuple(only._subscribers):
            await only.send(connection, forked)
        assert (await anext(stream))["ledger_hash"] == "AB" * 32
        fetching = asyncio.create_task(FetchLedger(pool).fetch(LedgerRef(first + 1)))
        await only.close_ledger(first + 1)
        assert (await fetching).ledger_hash == ledgers[first + 1]["ledger_hash"]
    assert any("it was" in text for text in said())


def refusing(*streams: str) -> Any:
    """A fault: these streams are refused."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "subscribe" and set(streams) & set(request["streams"]):
            response.pop("result", None)
            response.update(status="error", error="reportingUnsupported")
        return False

    return fault


async def send(node: Any, message: dict[str, Any]) -> None:
    for connection in tuple(node._subscribers):
        await node.send(connection, message)


async def test_validations_come_from_every_node_each_once(node: Any) -> None:
    nodes = [await node() for _ in range(2)]
    async with (
        NodePool([one.url for one in nodes]) as pool,
        pool.subscribe(["validations", "manifests"]) as stream,
    ):
        await asyncio.gather(*(one.until_asked("subscribe", 2) for one in nodes))
        for number in range(3):
            for one in nodes:
                await send(one, {"type": "validationReceived", "data": f"{number:02}"})
        for one in nodes:
            await send(one, {"type": "manifestReceived", "manifest": "24"})
        await send(nodes[1], {"type": "validationReceived", "data": "ff"})
        got = [await anext(stream) for _ in range(5)]
    assert sorted(str(m.get("data") or m.get("manifest")) for m in got) == [
        *("00", "01", "02", "24", "ff")
    ]


@pytest.mark.parametrize("later", [False, True])
async def test_a_node_without_validations_ends_nothing(
    later: bool, node: Any, ledgers: Any, said: Any
) -> None:
    """Whether it is subscribed to when it is connected to, or afterwards."""
    first = min(ledgers)
    without = await node(closed=first, fault=refusing("validations"), clio=True)
    good = await node(closed=first)
    pool = NodePool([without.url, good.url], network_id=0)
    streams = None if later else pool.subscribe(["ledger", "validations"])
    async with pool:
        await asyncio.gather(without.until_asked("server_info"), good.until_asked("server_info"))
        await pool.refresh()
        stream = streams or pool.subscribe(["ledger", "validations"])
        await asyncio.gather(without.until_asked("subscribe", 2), good.until_asked("subscribe", 2))
        await pool.refresh()
        assert {status.state for status in pool.nodes()} == {"ready"}
        assert (await anext(stream))["ledger_index"] == first
        await send(good, {"type": "validationReceived", "data": "00"})
        assert (await anext(stream))["data"] == "00"
    assert said() == [f"{without.url} does not send validations: reportingUnsupported"]


async def test_where_no_node_has_validations_only_their_reader_is_told(
    node: Any, ledgers: Any
) -> None:
    first = min(ledgers)
    only = await node(closed=first, fault=refusing("validations"))
    async with NodePool(only.url) as pool, pool.subscribe(["ledger"]) as ledger_stream:
        for _ in range(2):
            with pytest.raises(RequestError, match="reportingUnsupported"):
                await anext(pool.subscribe(["validations"]))
        await only.close_ledger(first + 1)
        assert [(await anext(ledger_stream))["ledger_index"] for _ in range(2)] == [
            *(first, first + 1)
        ]
    assert only.connections == 1


async def test_a_flood_costs_the_oldest_messages_only(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        stream = pool.subscribe(["validations"], drop_oldest=True)
        for number in range(10_500):
            message = {"type": "validationReceived", "data": f"{number}"}
            pool.streamed(pool._nodes[0], message)
        assert stream.dropped == 500
        assert (await anext(stream))["data"] == "500"

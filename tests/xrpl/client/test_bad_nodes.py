"""Nodes that keep the protocol badly: they cost their own answers, and nobody else's."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest

from ekspiper.xrpl.client import (
    LedgerUnavailable,
    NodePool,
    RequestError,
    UnreadableNode,
)
from ekspiper.xrpl.client._wire import Wire
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef, LedgerStream
from ekspiper.xrpl.verify import VerificationError

_HANDSHAKE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds: no event tells of a node's state."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_connection_that_ends_during_the_greeting_is_noticed_at_once(
    node: Any, said: Any
) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_info" and self.connections < 4:
            connection.transport.abort()
            return True
        return False

    only = await node(fault=fault)
    began = time.monotonic()
    async with NodePool(only.url, request_timeout=60):
        assert only.connections == 4
    assert time.monotonic() - began < 5  # and not three times the ten seconds of a greeting
    assert said() == [f"cannot reach {only.url}: connection lost; trying again"]


async def test_server_that_closes_and_then_does_not_end_the_connection() -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = b64encode(sha1(key + _HANDSHAKE).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        writer.write(b"\x88\x14\x03\xf0threshold exceeded"[:4] + b"threshold exceeded")
        await reader.read(-1)  # until the client ends it
        over.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(f"ws://127.0.0.1:{port}", lambda _: None, timeout=5)
        async with asyncio.timeout(2):
            assert await wire.closed() == "closed with 1008 threshold exceeded"
            await over.wait()


@pytest.mark.parametrize(
    "info",
    [
        {"network_id": [1]},
        {"network_id": "one"},
        {"complete_ledgers": "all of them"},
        {"complete_ledgers": "302-183"},
        None,
    ],
)
async def test_server_info_that_cannot_be_read_is_the_problem_of_that_node_only(
    info: Any, node: Any, said: Any
) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_info":
            response["result"] = {"info": info and {**response["result"]["info"], **info}}
        return False

    bad, good = await node(fault=fault), await node()
    async with NodePool([bad.url, good.url]) as pool:
        await until(lambda: [status.state for status in pool.nodes()] == ["down", "ready"])
        await pool.request({"command": "ping"})
    (line,) = said()
    assert line.startswith(f"the server_info of {bad.url} cannot be read: ")
    assert line.endswith("; the node is left alone for 60 s")
    assert len(bad.asked("server_info")) == 1


async def test_an_only_node_that_cannot_be_read_ends_the_start(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_info":
            response["result"]["info"]["complete_ledgers"] = "all of them"
        return False

    only = await node(fault=fault)
    async with asyncio.timeout(5):
        with pytest.raises(UnreadableNode, match="complete_ledgers is 'all of them', not ranges"):
            await NodePool(only.url).open()


async def test_a_node_that_cannot_be_read_any_more_is_left_alone(node: Any, said: Any) -> None:
    broken = False

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_info" and broken:
            response["result"]["info"]["complete_ledgers"] = "1-?"
        return False

    bad, good = await node(fault=fault), await node()
    async with NodePool([bad.url, good.url]) as pool:
        await asyncio.gather(bad.until_asked("server_info"), good.until_asked("server_info"))
        broken = True
        await pool.refresh()
        await until(lambda: pool.nodes()[0].state == "down")
        await pool.refresh()
        assert bad.connections == 1
        await pool.request({"command": "ping"})
    assert "complete_ledgers is '1-?', not ranges of ledgers" in said()[0]


async def test_answers_with_another_id_and_answers_given_twice_are_nobodys(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        for number in (request["id"] + 1000, "17", None, -1):
            await self.send(connection, {**response, "id": number, "result": {"wrong": True}})
        await self.send(connection, response)
        await self.send(connection, {**response, "result": {"wrong": True}})
        return True

    only = await node(fault=fault)
    async with NodePool(only.url) as pool:
        answers = await asyncio.gather(*(pool.request({"command": "ping"}) for _ in range(50)))
        assert answers == [{}] * 50
        status = pool.nodes()[0]
    assert (status.in_flight, status.answers, only.connections) == (0, 50, 1)


def refusing(error: dict[str, Any]) -> Any:
    """A fault: ledgers are refused with this error."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != "ledger":
            return False
        answer = {"id": request["id"], "type": "response", "status": "error", **error}
        await self.send(connection, answer)
        return True

    return fault


@pytest.mark.parametrize("error", [{"error": "forbidden"}, {"error": "unknownCmd"}, {}])
async def test_what_one_node_does_not_do_is_asked_of_another(
    error: dict[str, Any], node: Any, ledgers: Any, said: Any
) -> None:
    bad, good = await node(fault=refusing(error)), await node()
    async with NodePool([bad.url, good.url]) as pool:
        await asyncio.gather(bad.until_asked("server_info"), good.until_asked("server_info"))
        requests = ({"command": "ledger", "ledger_index": index} for index in ledgers)
        answers = await asyncio.gather(*map(pool.request, requests))
        assert answers == list(ledgers.values())
        assert bad.asked("ledger")
    ours = [text for text in said(0) if "cannot answer" in text]
    assert len(ours) == 1  # and not one for each request
    assert ours[0].startswith(f"{bad.url} cannot answer ledger of ")


async def test_what_every_node_refuses_is_refused(node: Any) -> None:
    one, two = [await node(fault=refusing({"error": "forbidden"})) for _ in range(2)]
    async with NodePool([one.url, two.url]) as pool:
        await asyncio.gather(one.until_asked("server_info"), two.until_asked("server_info"))
        request = {"command": "ledger", "ledger_index": "validated"}
        with pytest.raises(RequestError, match=r"ledger refused by ws://.*: forbidden"):
            await pool.request(request)
        assert (await pool.request_raw(request))["error"] == "forbidden"
    assert len(one.asked("ledger")) == len(two.asked("ledger")) == 2


async def test_a_fault_of_the_request_is_not_asked_of_another(node: Any) -> None:
    nodes = [await node(fault=refusing({"error": "invalidParams"})) for _ in range(2)]
    async with NodePool([each.url for each in nodes]) as pool:
        await asyncio.gather(*(each.until_asked("server_info") for each in nodes))
        with pytest.raises(RequestError, match="invalidParams"):
            await pool.request({"command": "ledger", "ledger_index": "x"})
    assert sum(len(each.asked("ledger")) for each in nodes) == 1


async def test_what_the_other_node_never_does_is_done_by_one_to_be_avoided(node: Any) -> None:
    busy, good = (
        await node(fault=refusing({"error": "slowDown", "retry_after": 0.05})),
        await node(),
    )
    async with NodePool([busy.url, good.url], avoid_timeout=0.1) as pool:
        await asyncio.gather(busy.until_asked("server_info"), good.until_asked("server_info"))
        index = good.closed
        async with asyncio.timeout(5):
            answer = await pool.ask({"command": "ledger", "ledger_index": index}, avoid=[good.url])
        assert answer.node == good.url
    assert len(busy.asked("ledger")) > 1


async def test_a_node_that_was_always_slow_is_not_waited_for(node: Any) -> None:

    async def silent(self: Any, connection: Any, request: Any, response: Any) -> bool:
        return bool(request["command"] == "ledger")

    slow, good = await node(fault=silent), await node()
    async with NodePool([slow.url, good.url], hedge_after=0.1, latest_hedge=0.2) as pool:
        await asyncio.gather(slow.until_asked("server_info"), good.until_asked("server_info"))
        for _ in range(100):
            pool._nodes[0].timing.take(20.0, pool._clock())
        request = {"command": "ledger", "ledger_index": good.closed}
        async with asyncio.timeout(5):
            assert (await pool.ask(request, avoid=[good.url])).node == good.url


async def test_ledgers_that_cannot_close_in_time_are_not_waited_for(node: Any) -> None:
    only = await node()
    async with NodePool(only.url, ledger_timeout=60) as pool:
        index = only.closed + 1000
        async with asyncio.timeout(5):
            with pytest.raises(LedgerUnavailable) as failure:
                await FetchLedger(pool).fetch(LedgerRef(index))
        ahead = f"no node has ledger {index}, the newest is {only.closed}: "
        assert str(failure.value).startswith(ahead)


async def test_node_without_any_ledger(node: Any, ledgers: Any) -> None:
    empty = await node(holds="empty")
    async with NodePool(empty.url, ledger_timeout=0.3) as pool:
        assert pool.newest_ledger == 0
        assert str(pool.nodes()[0].ledgers) == "empty"
        with pytest.raises(LedgerUnavailable, match=r"no node has ledger 500: .* holds empty"):
            await FetchLedger(pool).fetch(LedgerRef(500))
        with pytest.raises(LedgerUnavailable, match="no node has any ledger yet"):
            await LedgerObjects(pool).open()


async def test_ledger_before_the_first_of_the_network(node: Any, ledgers: Any) -> None:
    """Mainnet begins with 32570: what is before is named, quickly, and ends nothing."""
    first = min(ledgers)
    only = await node()
    async with NodePool(only.url) as pool:
        fetcher = FetchLedger(pool)
        began = time.monotonic()
        for index in range(1, 6):
            with pytest.raises(LedgerUnavailable) as failure:
                await fetcher.fetch(LedgerRef(index))
            assert failure.value.ledger_index == index
            assert f"holds {first}-" in str(failure.value)
        assert time.monotonic() - began < 3
        assert (await fetcher.fetch(LedgerRef(first))).ledger_index == first


async def test_ledger_whose_transactions_every_server_omits(
    node: Any, ledgers: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 562177 of mainnet: the header names transactions, and the list is empty."""
    monkeypatch.setattr("ekspiper.xrpl.processors.fetch_ledger._PAUSE", 0.01)
    index = next(i for i, result in ledgers.items() if result["ledger"]["transactions"])
    bare = {**ledgers[index], "ledger": {**ledgers[index]["ledger"], "transactions": []}}
    nodes = [await node(ledgers={**ledgers, index: bare}) for _ in range(2)]
    async with NodePool([one.url for one in nodes]) as pool:
        with pytest.raises(VerificationError) as failure:
            await FetchLedger(pool).fetch(LedgerRef(index))
        assert {status.state for status in pool.nodes()} == {"ready"}  # nobody is proven wrong
    assert f"ledger {index} is not proven" in str(failure.value)
    assert "no transactions, but the header says that there are some" in str(failure.value)
    assert not said()


async def test_node_alone_far_ahead_of_all_others_is_not_believed(
    node: Any, ledgers: Any, said: Any
) -> None:
    first = min(ledgers)
    nodes = [await node(closed=first) for _ in range(3)]
    liar = nodes[0]
    async with NodePool([one.url for one in nodes]) as pool:
        await asyncio.gather(*(one.until_asked("server_info") for one in nodes))
        stream = LedgerStream(pool, start=first, until=first + 3)
        refs = []
        async for ref in stream:
            refs.append(ref.ledger_index)
            if len(refs) == 1:
                await asyncio.gather(*(one.until_asked("subscribe") for one in nodes))
                far = {**liar.closed_message(first), "ledger_index": 4_000_000_000}
                for connection in tuple(liar._subscribers):
                    await liar.send(connection, far)
                await pool.refresh()
            for one in nodes[1:]:
                await one.close_ledger(ref.ledger_index + 1)
        assert refs == list(range(first, first + 4))
        assert pool.newest_ledger <= first + 4
    doubts = [text for text in said() if "not believed" in text]
    assert doubts == [
        f"{liar.url} says that ledger 4000000000 is closed, all others are at {first}: not believed"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ledger_time": "noon"},
        {"ledger_hash": "beef"},
        {"ledger_hash": None},
        {"ledger_index": "7"},
    ],
)
async def test_ledger_message_that_cannot_be_read_is_passed_over(
    wrong: dict[str, Any], node: Any, ledgers: Any
) -> None:
    first = min(ledgers)
    only = await node(closed=first)
    async with NodePool(only.url) as pool, pool.subscribe(["ledger"]) as stream:
        assert (await anext(stream))["ledger_index"] == first
        message = {**only.closed_message(first), "ledger_index": first + 1, **wrong}
        for connection in tuple(only._subscribers):
            await only.send(connection, message)
        await pool.request({"command": "ping"})
        await only.close_ledger(first + 1)
        got = await anext(stream)
    assert (got["ledger_index"], got["ledger_hash"]) == (
        first + 1,
        ledgers[first + 1]["ledger_hash"],
    )


async def test_what_a_node_says_it_holds_cannot_be_read(node: Any, ledgers: Any, said: Any) -> None:
    """Its ledgers come all the same: each of them is announced."""
    first = min(ledgers)
    only = await node(closed=first)
    async with NodePool(only.url) as pool, pool.subscribe(["ledger"]) as stream:
        assert (await anext(stream))["ledger_index"] == first
        only.holds = "1-"
        for index in range(first + 1, first + 4):
            await only.close_ledger(index)
            assert (await anext(stream))["ledger_index"] == index
            await pool.request({"command": "ledger", "ledger_index": index})
    assert only.connections == 1
    assert said() == [f"{only.url}: validated_ledgers is '1-', not ranges of ledgers; passed over"]

"""Ledgers close while clients listen, and the messages are those that rippled sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client, lines_of

SUBSCRIBE: dict[str, Any] = {
    "command": "subscribe",
    "streams": ["ledger", "transactions"],
    "api_version": 2,
    "id": "s",
}


async def take(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The next messages of the stream."""
    return [orjson.loads(await socket.recv()) for _ in range(count)]


def held(messages: Sequence[dict[str, Any]], first: int = 3) -> list[dict[str, Any]]:
    """The recorded messages as a node that lacks what came before the recording sends them."""
    return [
        {**m, "validated_ledgers": f"{first}-{m['ledger_index']}"} if "txn_count" in m else m
        for m in messages
    ]


async def test_the_reply(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        answer = await ask(socket, SUBSCRIBE)
    assert answer == {
        "api_version": 2,
        "id": "s",
        "result": {
            "fee_base": 10,
            "ledger_hash": recording.ledgers[3].hash,
            "ledger_index": 3,
            "ledger_time": 848664100,
            "reserve_base": 10000000,
            "reserve_inc": 2000000,
            "validated_ledgers": "3",
        },
        "status": "success",
        "type": "response",
    }


async def test_the_recorded_messages(recording: Recording, recorded: Path) -> None:
    expected = [m for m in lines_of(recorded / "stream_v2.jsonl.gz") if 3 < m["ledger_index"] < 30]
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        await ask(socket, SUBSCRIBE)
        assert await take(socket, len(expected)) == held(expected)


async def test_messages_made_from_ledgers(binary_only: Recording, recorded: Path) -> None:
    every = [m for m in lines_of(recorded / "stream_v2.jsonl.gz") if m["ledger_index"] > 3]
    async with ReplayNode(binary_only, close_every=0) as node, client(node) as socket:
        await ask(socket, SUBSCRIBE)
        node.release(302)
        for expected in held(every):
            # What an offer's owner has is in the state, which no ledger tells.
            expected.get("tx_json", {}).pop("owner_funds", None)
            assert orjson.loads(await socket.recv()) == expected


async def test_one_stream_at_a_time(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        assert {m["type"] for m in await take(socket, 5)} == {"ledgerClosed"}
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        answer = await ask(socket, {**SUBSCRIBE, "streams": ["transactions"]})
        assert answer["result"] == {}
        node.release(4)
        assert {m["type"] for m in await take(socket, 50)} == {"transaction"}


async def test_version_1_of_the_messages(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["transactions"], "api_version": 1})
        node.release(4)
        message = (await take(socket, 1))[0]
    assert "tx_json" not in message
    assert "hash" not in message
    assert len(message["transaction"]["hash"]) == 64
    assert message["meta"]["TransactionIndex"] == 0


async def test_unsubscribe(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=30) as node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        node.release(4)
        assert (await take(socket, 1))[0]["ledger_index"] == 4
        await ask(socket, {"command": "unsubscribe", "streams": ["ledger"]})
        node.release(6)
        assert (await ask(socket, {"command": "ping"}))["type"] == "response"


async def test_every_message_says_what_the_node_holds_by_then(recording: Recording) -> None:
    node = ReplayNode(recording, close_every=0, start_at=10, missing={6, 12})
    async with node, client(node) as socket:
        answer = await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        assert answer["result"]["validated_ledgers"] == "3-5,7-10"
        messages = await take(socket, 3)
    assert [m["ledger_index"] for m in messages] == [11, 13, 14]
    assert messages[-1]["validated_ledgers"] == "3-5,7-11,13-14"


async def test_ledgers_close_at_a_pace(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0.05) as node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        started = asyncio.get_running_loop().time()
        messages = await take(socket, 4)
        took = asyncio.get_running_loop().time() - started
        index = messages[-1]["ledger_index"]
        answer = await ask(socket, {"command": "ledger", "ledger_index": index + 20})
    assert 0.1 < took < 2
    assert [m["ledger_index"] for m in messages] == list(range(index - 3, index + 1))
    assert answer["error"] == "lgrNotFound"


async def test_nothing_closes_before_somebody_listens(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        for _ in range(20):
            await ask(socket, {"command": "ping"})
        assert node.released == 3


async def test_ledgers_close_as_the_client_follows(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        expected, most = 4, 0
        while expected <= 302:
            message = (await take(socket, 1))[0]
            if message["type"] != "ledgerClosed":
                continue
            assert message["ledger_index"] == expected
            await socket.send(orjson.dumps({"command": "ledger", "ledger_index": expected}))
            most = max(most, node.released - expected)
            expected += 1
        await node.finished()
    assert most < 40  # The lead, and what was on its way.


async def test_a_client_that_only_listens_gets_everything(binary_only: Recording) -> None:
    node = ReplayNode(binary_only, close_every=0, start_at=280)
    async with node, client(node) as socket:
        await ask(socket, {**SUBSCRIBE, "streams": ["ledger"]})
        messages = await take(socket, 22)
        await node.finished()
    assert messages[-1]["ledger_index"] == 302


async def test_a_ledger_asked_for_ahead_closes(recording: Recording) -> None:
    async with ReplayNode(recording, close_every=0) as node, client(node) as socket:
        assert (await ask(socket, {"command": "ledger", "ledger_index": 40}))["status"] == "success"
        assert node.released >= 40


async def test_a_slow_reader_does_not_hold_up_the_others(recording: Recording) -> None:
    node = ReplayNode(recording, close_every=30)
    async with node, client(node, max_queue=1) as slow, client(node) as quick:
        await ask(slow, SUBSCRIBE)
        await ask(quick, {**SUBSCRIBE, "streams": ["ledger"]})
        node.release(302)
        assert (await take(quick, 299))[-1]["ledger_index"] == 302


@pytest.mark.parametrize("close_every", [None, 30, 0])
async def test_closing_twice(recording: Recording, close_every: float | None) -> None:
    node = ReplayNode(recording, close_every=close_every)
    async with node, client(node) as socket:
        await ask(socket, SUBSCRIBE)
        await node.close()
    await node.close()


async def test_a_history_has_a_silent_stream(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        answer = await ask(socket, SUBSCRIBE)
        assert answer["result"]["validated_ledgers"] == "3-302"
        await asyncio.wait_for(node.finished(), 1)

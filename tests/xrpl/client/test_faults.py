"""Faults of nodes: after each, every ledger is there, in order, once and proven, and the log says why."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.client import LedgerUnavailable, NodePool
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRange, LedgerRef, LedgerStream
from ekspiper.xrpl.verify import VerificationError

from .virtual import virtual

# Where a time-out is what is tested; elsewhere a busy machine must not look like a dead node.
FAST: dict[str, Any] = {"request_timeout": 0.6, "liveness": 0.9, "hedge_after": 0.3}
CALM: dict[str, Any] = {"request_timeout": 10.0, "liveness": 15.0, "hedge_after": 0.3}


def is_ledger(request: dict[str, Any]) -> bool:
    return request["command"] == "ledger" and request.get("binary", False)


def at(numbers: set[int], act: Callable[..., Any]) -> Any:
    """A fault that acts on the ledger answers of these numbers, counted from 1."""
    counter = count(1)

    async def fault(node: Any, connection: Any, request: Any, response: Any) -> bool:
        if not is_ledger(request) or next(counter) not in numbers:
            return False
        return bool(await act(node, connection, request, response))

    return fault


def always(act: Callable[..., Any]) -> Any:
    async def fault(node: Any, connection: Any, request: Any, response: Any) -> bool:
        return is_ledger(request) and bool(await act(node, connection, request, response))

    return fault


async def cut(node: Any, connection: Any, request: Any, response: Any) -> bool:
    body = orjson.dumps(response)
    head = bytes([0x81, 127]) + len(body).to_bytes(8)
    connection.transport.write(head + body[: len(body) // 2])
    connection.transport.close()
    return True


async def silent(node: Any, connection: Any, request: Any, response: Any) -> bool:
    return True


async def slow(node: Any, connection: Any, request: Any, response: Any) -> bool:
    await asyncio.sleep(0.5)
    return False


def refuses(error: str) -> Any:
    async def misbehave(node: Any, connection: Any, request: Any, response: Any) -> bool:
        answer = {"id": request["id"], "type": "response", "status": "error", "error": error}
        await node.send(connection, answer)
        return True

    misbehave.__name__ = error
    return misbehave


lacks, slow_down = refuses("lgrNotFound"), refuses("slowDown")


async def not_validated(node: Any, connection: Any, request: Any, response: Any) -> bool:
    response["result"] = {**response["result"], "validated": False}
    return False


async def says_nothing_of_validated(node: Any, conn: Any, request: Any, response: Any) -> bool:
    response["result"] = {k: v for k, v in response["result"].items() if k != "validated"}
    return False


async def other_ledger(node: Any, connection: Any, request: Any, response: Any) -> bool:
    other = next(i for i in node.ledgers if i != request["ledger_index"])
    response["result"] = node.ledgers[other]
    return False


async def truncated(node: Any, connection: Any, request: Any, response: Any) -> bool:
    result = response["result"] = deepcopy(response["result"])
    if not result["ledger"]["transactions"]:
        return False
    result["ledger"]["transactions"].pop()
    return False


async def forged(node: Any, connection: Any, request: Any, response: Any) -> bool:
    result = response["result"] = deepcopy(response["result"])
    for transaction in result["ledger"]["transactions"][:1]:
        blob = bytearray.fromhex(transaction["tx_blob"])
        blob[20] ^= 1
        transaction["tx_blob"] = blob.hex().upper()
    return False


async def wrong_parent(node: Any, connection: Any, request: Any, response: Any) -> bool:
    """A header that hashes to its hash, and names another parent."""
    result = response["result"] = deepcopy(response["result"])
    data = bytearray.fromhex(result["ledger"]["ledger_data"])
    data[12] ^= 1
    result["ledger"]["ledger_data"] = data.hex().upper()
    result["ledger_hash"] = LedgerHeader.from_bytes(bytes(data)).ledger_hash.hex().upper()
    return False


async def garbage(node: Any, connection: Any, request: Any, response: Any) -> bool:
    await connection.send("this is not JSON {")
    return True


async def huge(node: Any, connection: Any, request: Any, response: Any) -> bool:
    await connection.send("x" * 20_000_000)
    return True


async def too_huge(node: Any, connection: Any, request: Any, response: Any) -> bool:
    connection.transport.write(bytes([0x81, 127]) + (65 * 1024 * 1024).to_bytes(8) + b"xxxx")
    return True


async def warns(node: Any, connection: Any, request: Any, response: Any) -> bool:
    response["warning"] = "load"
    return False


async def close_1008(node: Any, connection: Any, request: Any, response: Any) -> bool:
    await connection.close(1008, "threshold exceeded")
    return True


ONCE = [
    (cut, r"connection lost"),
    (silent, r"did not answer ledger of \d+ for"),
    (lacks, r"cannot answer ledger of \d+ \(lgrNotFound\): asking again"),
    (not_validated, r"cannot answer ledger of \d+ \(unvalidated\): asking again"),
    (says_nothing_of_validated, r"is not validated.*asked again, it was right"),
    (other_ledger, r"was answered where ledger \d+ was asked for.*asked again, it was right"),
    (truncated, r"not to its transaction_hash.*asked again, it was right"),
    (forged, r"hashes to.*asked again, it was right"),
    (garbage, r"sent a frame of 18 bytes that is not a JSON object"),
    (huge, r"sent a frame of 20000000 bytes that is not a JSON object"),
    (too_huge, r"broken off with 1009"),
    (slow_down, r"asks for less load \(slowDown\): window \d+ -> \d+"),
    (warns, r"asks for less load \(warning: load\)"),
    (close_1008, r"closed with 1008 threshold exceeded"),
]


@pytest.mark.parametrize(("act", "line"), ONCE, ids=[act.__name__ for act, _ in ONCE])
async def test_only_node_fails_once_in_a_while(
    act: Any, line: str, node: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    only = await node(fault=at({5, 17}, act))
    async with NodePool(only.url, **(FAST if act is silent else CALM)) as pool:
        source = LedgerRange(pool, [(min(ledgers), max(ledgers))])
        assert is_whole(await fetch_in_order(pool, source), ledgers)
    matching = [text for text in said(logging.INFO) if re.search(line, text)]
    assert 1 <= len(matching) <= 2
    assert all(only.url in text for text in matching)
    assert set(said()) <= set(matching)


ALWAYS = [
    (cut, r"connection lost"),
    (silent, r"has not answered ledger of \d+|did not answer"),
    (slow, r"has not answered ledger of \d+"),
    (lacks, r"cannot answer ledger of \d+ \(lgrNotFound\): asking again"),
    (not_validated, r"cannot answer ledger of \d+ \(unvalidated\): asking again"),
    (other_ledger, r"lied: ledger \d+ was answered where .*; ejected for 60 s"),
    (truncated, r"lied: .*not to its transaction_hash.*; ejected for 60 s"),
    (forged, r"lied: .*hashes to.*; ejected for 60 s"),
    (wrong_parent, r"lied: .*; ejected for 60 s"),
    (garbage, r"not a JSON object"),
    (slow_down, r"asks for less load \(slowDown\)"),
    (close_1008, r"closed with 1008 threshold exceeded"),
]


@pytest.mark.parametrize(("act", "line"), ALWAYS, ids=[act.__name__ for act, _ in ALWAYS])
async def test_one_of_two_nodes_always_fails(
    act: Any, line: str, node: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    bad = await node(fault=always(act))
    good = await node()
    extra = [(await node()).url] if act is wrong_parent else []
    async with NodePool([bad.url, good.url, *extra], **CALM) as pool:
        source = LedgerStream(pool, start=min(ledgers), until=max(ledgers))
        assert is_whole(await fetch_in_order(pool, source), ledgers)
        lying = [status for status in pool.nodes() if status.state == "ejected"]
    about = [text for text in said(logging.INFO) if text.startswith(bad.url)]
    assert not [text for text in said() if text.startswith(good.url)]
    assert any(re.search(line, text) for text in about)
    assert bool(lying) == ("lied" in line)
    assert len([text for text in about if "lied" in text]) == len(lying)


async def test_wrong_parent_is_found_without_a_stream(
    node: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    only = await node(fault=at({4, 20}, wrong_parent))
    async with NodePool(only.url, **CALM) as pool:
        source = LedgerRange(pool, [(min(ledgers), max(ledgers))])
        assert is_whole(await fetch_in_order(pool, source, concurrency=4), ledgers)
    assert all("asked again, it was right" in text for text in said())
    assert len(said()) == 2


@virtual
async def test_wrong_parent_is_found_when_it_overtakes_its_parent(
    memory: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    first = min(ledgers)

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if is_ledger(request) and request["ledger_index"] == first + 4:
            await asyncio.sleep(0.3)
        elif request.get("ledger_index") == first + 5 and len(self.requests) < 10:
            await wrong_parent(self, connection, request, response)
        return False

    only = memory.node(fault=fault)
    async with memory.pool(only, hedge_after=5.0) as pool:
        source = LedgerRange(pool, [(first, max(ledgers))])
        assert is_whole(await fetch_in_order(pool, source, concurrency=2), ledgers)
    assert len(said()) == 1
    assert "its parent_hash is" in said()[0]


@virtual
async def test_wrong_first_ledger_is_found_by_asking_a_second_node(
    memory: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    nodes = [memory.node(fault=at({1}, wrong_parent)), memory.node(), memory.node()]
    for _ in range(3):
        async with memory.pool(*nodes) as pool:
            source = LedgerRange(pool, [(min(ledgers), max(ledgers))], backwards=True)
            got = await fetch_in_order(pool, source)
            assert is_whole(got[::-1], ledgers)


async def test_stream_that_contradicts_every_node_is_refused(
    node: Any, ledgers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.xrpl.processors.fetch_ledger._PAUSE", 0.01)
    only = await node(fault=always(wrong_parent))
    async with NodePool(only.url, **CALM) as pool:
        stream = LedgerStream(pool, start=max(ledgers), until=max(ledgers))
        async for ref in stream:
            with pytest.raises(VerificationError, match="but the stream said"):
                await FetchLedger(pool).fetch(ref)


@virtual
async def test_node_that_sends_no_more_ledgers_is_left(
    memory: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    """It answers everything, but its subscription is dead; the second connection works."""
    first, last = min(ledgers), max(ledgers)
    only = memory.node(closed=first)
    async with memory.pool(only) as pool:
        work = asyncio.ensure_future(
            fetch_in_order(pool, LedgerStream(pool, start=first, until=last))
        )
        await only.until_asked("ledger")
        only.closed = last  # nobody is told
        assert is_whole(await work, ledgers)
    assert [text for text in said() if "no ledger for" in text] == said()
    assert len(said()) == 1


@virtual
async def test_ledger_just_closed_that_the_node_does_not_have_yet(
    memory: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        newest = is_ledger(request) and request["ledger_index"] == self.closed
        if newest and len([r for r in self.requests if r.get("ledger_index") == self.closed]) < 3:
            return await lacks(self, connection, request, response)
        return False

    first = min(ledgers)
    only = memory.node(closed=first, fault=fault)
    async with memory.pool(only, **CALM) as pool:
        work = asyncio.ensure_future(
            fetch_in_order(pool, LedgerStream(pool, start=first, until=first + 5), concurrency=1)
        )
        for index in range(first + 1, first + 6):
            await only.until_asked("ledger", 3 * (index - first))
            await only.close_ledger(index)
        await asyncio.wait_for(work, 10)
    assert is_whole(work.result(), {i: r for i, r in ledgers.items() if i <= first + 5})
    assert not said()


@virtual
async def test_all_nodes_down_for_a_while(
    memory: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any, said: Any
) -> None:
    """Longer than every time-out: nothing is given up while no node is there."""
    first, last = min(ledgers), max(ledgers)
    nodes = [memory.node(closed=first + 5), memory.node(closed=first + 5)]
    async with memory.pool(*nodes) as pool:
        work = asyncio.ensure_future(
            fetch_in_order(pool, LedgerStream(pool, start=first, until=last))
        )
        await asyncio.gather(*(one.until_asked("ledger") for one in nodes))
        for one in nodes:
            await one.stop()
            one.closed = last
        request = asyncio.ensure_future(pool.request({"command": "ping"}))
        await asyncio.sleep(300)  # the longest of the time-outs is 120 s
        assert not work.done()
        assert not request.done()
        assert [n.state for n in pool.nodes()] == ["down", "down"]
        for one in nodes:
            await one.start()
        assert is_whole(await work, ledgers)
        await request
    lost = [text for text in said() if "connecting again" in text]
    assert len(lost) == 2


async def test_ledger_that_no_node_has(node: Any, ledgers: Any) -> None:
    first, last = min(ledgers), max(ledgers)
    part = {i: r for i, r in ledgers.items() if i != first + 3}
    nodes = [await node(ledgers=part, holds=f"{first}-{first + 2},{first + 4}-{last}")]
    nodes.append(await node(holds=f"{first + 10}-{last}", ledgers=part))
    async with NodePool([n.url for n in nodes], **CALM) as pool:
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable) as failure:
            await FetchLedger(pool).fetch(LedgerRef(first + 3))
        assert time.monotonic() - started < 5
    message = str(failure.value)
    assert f"no node has ledger {first + 3}" in message
    for one in nodes:
        assert f"{one.url} holds {one.holds}" in message


async def test_blocked_event_loop_is_not_a_dead_node(node: Any, said: Any) -> None:
    """A clock that jumps ahead, as after the machine slept, kills no connection."""
    slow_one = await node(fault=always(slow))
    async with NodePool(slow_one.url, request_timeout=0.7, liveness=0.9) as pool:
        work = asyncio.ensure_future(
            pool.request({"command": "ledger", "ledger_index": slow_one.closed, "binary": True})
        )
        await asyncio.sleep(0.2)
        time.sleep(1.2)  # noqa: ASYNC251
        await work
        assert slow_one.connections == 1
    assert not said()


async def test_clocks_that_jump_by_hours(
    node: Any,
    ledgers: Any,
    fetch_in_order: Any,
    is_whole: Any,
    said: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's clock ahead, the wall clock to and fro: no connection is taken for dead."""
    loop, ahead, turn = asyncio.get_running_loop(), [0.0], count(1)
    monotonic, wall = loop.time, time.time
    monkeypatch.setattr(loop, "time", lambda: monotonic() + ahead[0])
    monkeypatch.setattr(time, "time", lambda: wall() + ahead[0] * (-1) ** int(ahead[0] / 7200))

    async def jumps(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if is_ledger(request) and next(turn) % 8 == 0:
            ahead[0] += 7200.0
            await asyncio.sleep(0.3)  # long enough for the pool to look after its nodes
        return False

    nodes = [await node(fault=jumps), await node(fault=jumps)]
    async with NodePool([one.url for one in nodes]) as pool:
        source = LedgerStream(pool, start=min(ledgers), until=max(ledgers))
        assert is_whole(await fetch_in_order(pool, source), ledgers)
    assert ahead[0] >= 5 * 7200
    assert [one.connections for one in nodes] == [1, 1]
    assert not [text for text in said() if "has not answered" not in text]


async def test_wall_clock_that_jumps_back(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        stream = LedgerStream(pool, start=only.closed, until=only.closed)
        async for _ in stream:
            monkeypatch.setattr(time, "time", lambda: 0.0)
            assert stream.lag == 0.0


@pytest.mark.parametrize("seed", range(3))
async def test_three_nodes_with_random_faults(
    seed: int, node: Any, ledgers: Any, fetch_in_order: Any, is_whole: Any
) -> None:
    chance = random.Random(seed)
    acts = [
        cut, silent, slow, lacks, not_validated, other_ledger, truncated, forged,
        garbage, slow_down, warns, close_1008, wrong_parent,
    ]  # fmt: skip

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if not is_ledger(request) or chance.random() > 0.15:
            return False
        return bool(await chance.choice(acts)(self, connection, request, response))

    nodes = [await node(fault=fault) for _ in range(3)]
    async with NodePool([n.url for n in nodes], **FAST) as pool:
        source = LedgerStream(pool, start=min(ledgers), until=max(ledgers))
        assert is_whole(await fetch_in_order(pool, source), ledgers)


@virtual
async def test_ejected_node_is_asked_again_when_it_is_the_only_one_left(
    memory: Any, ledgers: Any, said: Any
) -> None:
    liar, honest = memory.node(fault=at({1}, forged)), memory.node()
    first = min(ledgers)
    async with memory.pool(liar, honest, **CALM) as pool:
        await asyncio.gather(liar.until_asked("server_info"), honest.until_asked("server_info"))
        fetcher = FetchLedger(pool)
        while "ejected" not in [status.state for status in pool.nodes()]:
            await fetcher.fetch(LedgerRef(first))
        await honest.stop()
        await fetcher.fetch(LedgerRef(first + 1))
    assert any(
        text == f"no other node answers: {liar.url}, ejected before, is asked again"
        for text in said()
    )

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import LedgerUnavailable, NodePool
from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.sources import LedgerStream


async def first_of(stream: LedgerStream, count: int) -> list[int]:
    """The first so many ledgers of a stream."""
    async with aclosing(aiter(stream)) as refs, asyncio.timeout(10):
        return [(await anext(refs)).ledger_index for _ in range(count)]


async def test_every_ledger_in_order_with_its_hash(sample: Recording) -> None:
    async with (
        ReplayNode(sample, close_every=0.002, start_at=438) as node,
        NodePool(node.url) as pool,
    ):
        refs = [ref async for ref in LedgerStream(pool, start=428, until=498)]
    assert [ref.ledger_index for ref in refs] == list(range(428, 499))
    closed = [ref for ref in refs if ref.ledger_hash]
    assert len(closed) > 50
    assert all(sample.ledgers[ref.ledger_index].hash == ref.ledger_hash for ref in closed)
    assert all(ref.close_time for ref in closed)


async def test_begins_with_the_newest_without_a_start(sample: Recording) -> None:
    async with (
        ReplayNode(sample, close_every=0.01, start_at=488) as node,
        NodePool(node.url) as pool,
    ):
        async for ref in LedgerStream(pool):
            assert 488 <= ref.ledger_index <= 490
            break


async def test_where_it_begins_holds_however_much_later_it_is_read(sample: Recording) -> None:
    async with ReplayNode(sample, close_every=60, start_at=488) as node:
        async with NodePool(node.url) as pool, LedgerStream(pool) as stream:
            assert await stream.begin() == 487
            assert await first_of(stream, 1) == [488]  # without another that closes
        node.release(498)
        async with NodePool(node.url) as pool, LedgerStream(pool) as again:
            await again.resume(487)
            assert await first_of(again, 11) == [*range(488, 499)]


async def test_a_beginning_that_is_given_and_one_that_nobody_has(sample: Recording) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        assert await LedgerStream(pool, start=428).begin() == 427
        assert await LedgerStream(pool, start=640).begin() == 639
        with pytest.raises(LedgerUnavailable, match="ledger 5 is before the history"):
            await LedgerStream(pool, start=5).begin()


@pytest.mark.parametrize(("start", "warned"), [(541, False), (540 + 257, True)])
async def test_a_start_far_after_the_newest_is_told(
    sample: Recording, caplog: pytest.LogCaptureFixture, start: int, warned: bool
) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        await LedgerStream(pool, start=start).begin()
        resumed = LedgerStream(pool)
        await resumed.resume(start - 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(aiter(resumed))
    told = [text for text in caplog.messages if text.startswith(f"the next ledger, {start}, ")]
    assert len(told) == (2 if warned else 0)


async def test_gap_of_a_lost_connection_is_filled(sample: Recording) -> None:
    async with (
        ReplayNode(sample, close_every=0.01, start_at=428) as node,
        NodePool(node.url, liveness=1.0) as pool,
    ):
        seen = []
        async for ref in LedgerStream(pool, start=423, until=528):
            seen.append(ref.ledger_index)
            if ref.ledger_index in (433, 468):
                node.drop_connections()
                node.release(ref.ledger_index + 30)
    assert seen == list(range(423, 529))


async def test_resumes_after_its_position(sample: Recording) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        first = LedgerStream(pool, start=428, until=538)
        async for ref in first:
            if ref.ledger_index == 478:
                break
        assert first.position == 478
        second = LedgerStream(pool, start=428, until=538)
        assert second.position is None
        await second.resume(first.position)
        assert [ref.ledger_index async for ref in second] == list(range(479, 539))
        third = LedgerStream(pool, start=428, until=538)
        await third.resume(538)
        assert [ref async for ref in third] == []
        assert first.identity == second.identity == "xrpl network 1021"


async def test_start_before_the_history_of_every_node(sample: Recording) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        with pytest.raises(LedgerUnavailable) as failure:
            await anext(aiter(LedgerStream(pool, start=5)))
    assert str(failure.value) == (
        f"ledger 5 is before the history of every node: {node.url} holds 421-540; "
        "start later, or give a node with more history"
    )


async def test_lag(sample: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        stream = LedgerStream(pool, start=530, until=540)
        assert stream.lag is None
        closed = sample.ledgers[540].header.close_time + RIPPLE_EPOCH
        monkeypatch.setattr(time, "time", lambda: closed + 2.0)
        lags: list[Any] = [(ref.ledger_hash, stream.lag) async for ref in stream]
    assert lags[-1][1] == 2.0
    # Ledgers of which only the index is known are estimated from the newest one.
    assert lags[0] == (None, pytest.approx(2.0 + 10 * 3.8))


async def test_until_before_start() -> None:
    pool: Any = None
    with pytest.raises(ConfigError, match="the last ledger, 3, is before the first, 5"):
        LedgerStream(pool, start=5, until=3)

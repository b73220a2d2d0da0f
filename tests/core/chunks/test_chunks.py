"""A range is cut where a grid says, and every chunk is worked on and comes to an end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import ConfigError
from ekspiper.core.chunks import Chunk, ChunkRun, Outcome, cut

_RANGES = st.lists(st.integers(0, 500), min_size=2, max_size=8, unique=True).map(
    lambda ends: list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)


@given(_RANGES, st.integers(1, 200))
def test_chunks_are_the_range_and_do_not_cross_the_grid(
    ranges: list[tuple[int, int]], size: int
) -> None:
    chunks = cut(ranges, size)
    numbers = [at for chunk in chunks for at in range(chunk.first, chunk.last + 1)]
    assert numbers == [at for first, last in ranges for at in range(first, last + 1)]
    assert all(chunk.first // size == chunk.last // size for chunk in chunks)


@given(st.integers(0, 2**40), st.integers(0, 2**33))
def test_a_name_says_which_chunk_it_is(first: int, more: int) -> None:
    chunk = Chunk(first, first + more)
    assert Chunk.named(chunk.name) == chunk


def test_other_names_name_no_chunk() -> None:
    assert [Chunk.named(name) for name in ("part-00000001", "1-2", "", "lock")] == [None] * 4


def test_impossible_chunks_are_refused() -> None:
    with pytest.raises(ConfigError, match="5:4"):
        Chunk(5, 4)
    with pytest.raises(ConfigError, match="at least 1"):
        cut([(1, 2)], 0)


async def outcomes(run: ChunkRun[int]) -> list[Outcome[int]]:
    return [outcome async for outcome in run.outcomes()]


def half(chunk: Chunk) -> int:
    if chunk.first == 20:
        raise ValueError("20 cannot be halved here")
    return chunk.first // 2


async def test_a_chunk_that_fails_does_not_stop_the_others() -> None:
    with ThreadPoolExecutor(3) as threads:
        run = ChunkRun(half, cut([(0, 49)], 10), threads, at_once=3)
        found = sorted(await outcomes(run), key=lambda outcome: outcome.chunk)
    assert [outcome.result for outcome in found] == [0, 5, None, 15, 20]
    assert str(found[2].error) == "20 cannot be halved here"


class Gate:
    """Work that waits, and says how many wait at the same time."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.two_begun = threading.Event()
        self.begun: list[Chunk] = []

    def __call__(self, chunk: Chunk) -> int:
        self.begun.append(chunk)
        if len(self.begun) == 2:
            self.two_begun.set()
        self.opened.wait(30)
        return chunk.first


async def test_no_more_chunks_are_with_the_executor_than_allowed() -> None:
    gate = Gate()
    with ThreadPoolExecutor(8) as threads:
        run = ChunkRun(gate, cut([(0, 79)], 10), threads, at_once=2)
        task = asyncio.create_task(outcomes(run))
        await asyncio.to_thread(gate.two_begun.wait)
        assert [str(chunk) for chunk in run.running] == ["0:9", "10:19"]
        gate.opened.set()
        assert len(await task) == 8
    assert len(gate.begun) == 8


async def test_draining_finishes_what_is_under_way_and_begins_nothing() -> None:
    gate = Gate()
    with ThreadPoolExecutor(2) as threads:
        run = ChunkRun(gate, cut([(0, 79)], 10), threads, at_once=2)
        task = asyncio.create_task(outcomes(run))
        await asyncio.to_thread(gate.two_begun.wait)
        run.drain()
        gate.opened.set()
        assert sorted(outcome.result or 0 for outcome in await task) == [0, 10]


async def test_stopping_waits_for_nothing() -> None:
    gate = Gate()
    with ThreadPoolExecutor(2) as threads:
        run = ChunkRun(gate, cut([(0, 79)], 10), threads, at_once=2)
        task = asyncio.create_task(outcomes(run))
        await asyncio.to_thread(gate.two_begun.wait)
        run.stop()
        assert await task == []
        gate.opened.set()


class Restarted(Executor):
    """Loses what it has got the first so many times, as Dask does with a new scheduler."""

    def __init__(self, times: int) -> None:
        self.left = times

    def submit(self, work: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.left:
            self.left -= 1
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(work(*args))
        return future


async def test_what_an_executor_loses_is_handed_to_it_again() -> None:
    run = ChunkRun(half, cut([(0, 9)], 10), Restarted(3), at_once=1)
    assert await outcomes(run) == [Outcome(Chunk(0, 9), 0)]


async def test_an_executor_that_loses_everything_ends() -> None:
    found = await outcomes(ChunkRun(half, cut([(0, 9)], 10), Restarted(99), at_once=1))
    assert "the executor lost it" in str(found[0].error)


async def test_an_executor_that_is_closed_fails_the_chunks() -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    found = await outcomes(ChunkRun(half, cut([(0, 19)], 10), threads, at_once=1))
    assert [type(each.error) for each in found] == [RuntimeError, RuntimeError]

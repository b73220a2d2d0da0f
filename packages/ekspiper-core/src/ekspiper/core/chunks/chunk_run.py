"""Runs a function on many chunks: on threads, on processes, or on a cluster of machines."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import ConfigError
from .chunk import Chunk

__all__ = ["ChunkRun", "Outcome"]

R = TypeVar("R")

# How often a chunk is given to the executor again: a chunk that kills workers must come to an end.
_MOST_LOST = 3


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How a chunk ended: with a result, or with an error."""

    chunk: Chunk
    result: R | None = None
    error: BaseException | None = None


class ChunkRun(Generic[R]):
    """Runs `work` on each chunk, a few at a time, and yields what came of each as it ends.

    The executor decides where: a `ThreadPoolExecutor`, a `ProcessPoolExecutor`, or the machines of
    a Dask cluster by `client.get_executor(pure=False)`. There, a task whose worker dies is run
    again on another worker, so the same chunk may be worked on twice, even at the same time. What an
    executor loses, as Dask does when its scheduler is restarted, is handed to it again, three times
    at most.

    Args:
        work: called with one chunk. For other processes it must be picklable.
        chunks: in the order in which they are begun.
        executor: runs it; closing it is up to you.
        at_once: how many chunks are with the executor at a time.
    """

    def __init__(
        self,
        work: Callable[[Chunk], R],
        chunks: Iterable[Chunk],
        executor: Executor,
        *,
        at_once: int,
    ) -> None:
        if at_once < 1:
            raise ConfigError(f"at least 1 chunk is worked on at a time, not {at_once}")
        self._work = work
        self._waiting = deque(chunks)
        self._executor = executor
        self._at_once = at_once
        self._running: dict[asyncio.Future[R], Chunk] = {}
        self._lost: Counter[Chunk] = Counter()
        self._draining = False
        self._stopping: asyncio.Event | None = None

    @property
    def running(self) -> list[Chunk]:
        """The chunks that are being worked on."""
        return sorted(self._running.values())

    @property
    def draining(self) -> bool:
        """Whether no more chunks are begun."""
        return self._draining

    def drain(self) -> None:
        """Begin no more chunks, and wait for those that are under way."""
        self._draining = True

    def stop(self) -> None:
        """Begin no more chunks, and do not wait for the others either."""
        self._draining = True
        if self._stopping is not None:
            self._stopping.set()

    async def outcomes(self) -> AsyncGenerator[Outcome[R]]:
        """What came of each chunk, in the order in which they end.

        A chunk that fails does not stop the others.
        """
        self._stopping = asyncio.Event()
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            self._begin()
            while self._running and not stopping.done():
                # Stopping is one more thing to wait for, so that it does not have to wait for a
                # chunk.
                any_of_them: set[asyncio.Future[Any]] = {*self._running, stopping}
                await asyncio.wait(any_of_them, return_when=asyncio.FIRST_COMPLETED)
                for future in [each for each in self._running if each.done()]:
                    chunk = self._running.pop(future)
                    if future.cancelled() and self._may_try_again(chunk):
                        # First in line: its place in the order may be what others wait for.
                        self._waiting.appendleft(chunk)
                    else:
                        yield _outcome(chunk, future)
                self._begin()
        finally:
            stopping.cancel()
            for future in self._running:
                # What is running in a thread or a process cannot be stopped; its result is thrown
                # away.
                future.cancel()
            self._running.clear()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._at_once and not self._draining:
            chunk = self._waiting.popleft()
            try:
                future = asyncio.wrap_future(self._executor.submit(self._work, chunk))
            except RuntimeError as error:  # the executor is closed, or a process of it is broken
                future = asyncio.get_running_loop().create_future()
                future.set_exception(error)
            self._running[future] = chunk

    def _may_try_again(self, chunk: Chunk) -> bool:
        """Whether a chunk that the executor has lost is handed to it again."""
        self._lost[chunk] += 1
        return self._lost[chunk] <= _MOST_LOST and not self._draining


def _outcome(chunk: Chunk, future: asyncio.Future[R]) -> Outcome[R]:
    if future.cancelled():
        lost = RuntimeError(
            "the executor lost it: the scheduler was restarted, or it was cancelled"
        )
        return Outcome(chunk, error=lost)
    error = future.exception()
    return Outcome(chunk, error=error) if error else Outcome(chunk, future.result())

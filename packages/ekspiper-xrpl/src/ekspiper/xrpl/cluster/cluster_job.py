"""What all work by workers has in common: its progress, and how it is asked to end early."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ekspiper.core.chunks import Chunk, ChunkRun, Outcome

from .workers import Workers

__all__ = ["ClusterJob", "ClusterProgress"]

R = TypeVar("R")


@dataclass(slots=True)
class ClusterProgress:
    """How far a backfill by chunks is, or a snapshot by parts.

    Attributes:
        total: ledgers, or parts, that are missing.
        done: those of chunks that have ended.
        transactions: records that are in place.
        chunks: how many chunks there are.
        chunks_done: how many have ended.
        failed: chunks of which nothing was kept, with the reason.
    """

    total: int = 0
    done: int = 0
    transactions: int = 0
    chunks: int = 0
    chunks_done: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class ClusterJob:
    """Work that workers do chunk by chunk, and that can be asked to end early."""

    def __init__(self) -> None:
        self._run: ChunkRun[Any] | None = None
        self._draining = self._stopped = False
        self.progress = ClusterProgress()

    @property
    def draining(self) -> bool:
        """Whether it was asked to end early."""
        return self._draining

    def drain(self) -> None:
        """Begin no more chunks, and keep those that are under way."""
        self._draining = True
        if self._run is not None:
            self._run.drain()

    def stop(self) -> None:
        """Stop at once: chunks that are under way are given up."""
        self._draining = self._stopped = True
        if self._run is not None:
            self._run.stop()

    async def _work(
        self,
        work: Callable[[Chunk], R],
        chunks: Iterable[Chunk],
        workers: Workers,
        take: Callable[[Outcome[R]], Awaitable[None]],
        *,
        at_once: int,
    ) -> None:
        """Have the workers do all chunks; `take` gets what came of each, one at a time."""
        run = self._run = ChunkRun(work, chunks, workers.executor, at_once=at_once)
        # A signal may have come while the work was planned, when there was no run to drain.
        if self._draining:
            run.drain()
        # Closed when `take` fails, so that what is under way is given up before the error leaves.
        async with aclosing(run.outcomes()) as outcomes:
            async for outcome in outcomes:
                await take(outcome)

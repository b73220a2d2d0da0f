"""A collector that remembers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..collector import BatchPolicy, Collector

__all__ = ["RecordingCollector"]


class RecordingCollector(Collector[Any]):
    """Keeps everything in memory.

    Attributes:
        batches: as they came.
        opened: how often it was opened.
        closed: how often it was closed.

    Args:
        batch_policy: bounds of a batch, where the flow gives none.
    """

    def __init__(self, batch_policy: BatchPolicy | None = None) -> None:
        # The usual period would be the longest part of a test.
        self.batch_policy = batch_policy or BatchPolicy(period=0.01)
        self.batches: list[list[Any]] = []
        self.opened = 0
        self.closed = 0
        self._count = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def items(self) -> list[Any]:
        """All items, in the order they came."""
        return [item for batch in self.batches for item in batch]

    async def open(self) -> None:
        """Count it."""
        self.opened += 1

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    async def collect(self, batch: Sequence[Any]) -> None:
        """Remember a batch."""
        self.batches.append(list(batch))
        self._count += len(batch)
        for count, future in self._waiting:
            if self._count >= count and not future.done():
                future.set_result(None)

    async def wait_for(self, count: int) -> None:
        """Wait until it has been given `count` items in all."""
        if self._count < count:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((count, future))
            await future

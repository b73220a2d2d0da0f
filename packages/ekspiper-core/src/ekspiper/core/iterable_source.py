"""Any iterable as a source; the position is the number of items read."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

from .source import Position, Source

__all__ = ["IterableSource"]


class IterableSource(Source[Any]):
    """Reads an iterable or async iterable from its start.

    It resumes by skipping as many items as were read before, so the iterable must give the same
    items again: a list or a file does, a generator that was used up does not.

    Args:
        items: what is read.
        identity: a name for these items, and for no others; by default the `identity` of `items`,
            if there is one. A run with a checkpoint needs it, to refuse another list instead of
            skipping its first items.
    """

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any], *, identity: str = "") -> None:
        self._items = items
        self._identity = identity or str(getattr(items, "identity", ""))
        self.name = str(getattr(items, "name", "") or type(items).__name__)
        self._read = 0
        self._skip = 0

    @property
    def position(self) -> Position:
        """How many items have been read, those skipped included."""
        return self._read

    @property
    def identity(self) -> str:
        """A name for these items; empty where none was given."""
        return self._identity

    async def resume(self, position: Position) -> None:
        """Skip the first `position` items."""
        self._skip = int(position)

    async def __aiter__(self) -> AsyncIterator[Any]:
        self._read = 0
        items = self._items
        if isinstance(items, AsyncIterable):
            async for item in items:
                self._read += 1
                if self._read > self._skip:
                    yield item
        else:
            for item in items:
                self._read += 1
                if self._read > self._skip:
                    yield item

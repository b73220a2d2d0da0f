"""The contract of a source: items in order, each with a position from which a run can resume."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

from .component import Component
from .errors import CheckpointError

__all__ = ["IterableSource", "Position", "Source"]

Item_co = TypeVar("Item_co", covariant=True)

Position: TypeAlias = Any
"""Where an item stands in its source, as a JSON value: a ledger index, a file offset, a key."""


class Source(Component, Protocol[Item_co]):
    """An async iterable of items, read by one flow.

    The runner calls `open`; then `resume`, if a checkpoint holds a position, or `begin`, if there
    is a checkpoint without one; then it iterates once. It reads `position` after each item, before
    it asks for the next. On a drain it cancels a pending `__anext__`. The end of the iteration is
    the end of the flow. A source reconnects by itself; it raises only what that cannot repair.
    """

    @property
    def position(self) -> Position:
        """The position of the item yielded last. `resume(position)` continues right after it."""
        return None

    @property
    def identity(self) -> str:
        """What is read, for example the network. A checkpoint of another identity is refused.

        The name of the class by default, which suits a source that always reads the same. An empty
        one means that the source cannot say: a run with a checkpoint refuses it.
        """
        return type(self).__name__

    @property
    def time(self) -> float | None:
        """When the item yielded last came about, in seconds since 1970; None if it has no time.

        For a ledger it is the time at which it closed. It is read after each item, and tells how
        old the newest item is that a collector has kept.
        """
        return None

    @property
    def lag(self) -> float | None:
        """Seconds between the newest item yielded and now; None where that means nothing."""
        return None if self.time is None else max(0.0, time.time() - self.time)

    async def resume(self, position: Position) -> None:
        """Continue right after `position`. Called at most once, after `open`, before iterating."""
        raise NotImplementedError(f"{type(self).__name__} cannot resume from a checkpoint")

    async def begin(self) -> Position:
        """The position before the first item, for a source whose start moves; otherwise None.

        A source that starts at what is newest, for example, decides here which item comes first.
        `resume` with the position returned gives that item first, however much later. The position
        is in the checkpoint before anything has been read. Called at most once, after `open`.
        """
        return None

    def __aiter__(self) -> AsyncIterator[Item_co]:
        """The items, from the start or from where `resume` said."""
        raise NotImplementedError


class IterableSource(Source[Any]):
    """Reads an iterable or async iterable from its start.

    It resumes by skipping as many items as were read before, so the iterable must give the same
    items again. A list or a file does; a generator that was used up does not. Where there are fewer
    than were read before, it raises CheckpointError.

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
        """How many items have been read, including those that were skipped."""
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
        if self._read < self._skip:
            raise CheckpointError(
                f"the checkpoint says that {self._skip} items of {self._identity!r} were read "
                f"before, but there are only {self._read}: give other items another identity"
            )

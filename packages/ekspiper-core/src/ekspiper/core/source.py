"""The contract of a source: items in order, each with a position to go on from."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeAlias, TypeVar

from .component import Component

__all__ = ["Position", "Source"]

Item_co = TypeVar("Item_co", covariant=True)

Position: TypeAlias = Any
"""Where an item stands in its source, as a JSON value: a ledger index, a file offset, a key."""


class Source(Component, Protocol[Item_co]):
    """An async iterable of items, read by one flow.

    The runner calls `open`, then `resume` when a checkpoint holds a position and `begin` when there
    is a checkpoint without one, then iterates once. It reads `position` after each item, before it
    asks for the next. On a drain it cancels a pending `__anext__`; the end of the iteration is the
    end of the flow. Raise `Retryable` only for what iterating anew cannot repair: a source
    reconnects by itself.
    """

    @property
    def position(self) -> Position:
        """The position of the item yielded last. `resume(position)` goes on right after it."""
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
        """When the item yielded last came about, in seconds since 1970; None where it has no time.

        For a ledger it is the time at which it closed. It is read after each item, and tells how
        old the newest item is that a collector has kept.
        """
        return None

    @property
    def lag(self) -> float | None:
        """Seconds between the newest item yielded and now; None where that means nothing."""
        return None if self.time is None else max(0.0, time.time() - self.time)

    async def resume(self, position: Position) -> None:
        """Go on right after `position`. Called at most once, after `open`, before iterating."""
        raise NotImplementedError(f"{type(self).__name__} cannot resume from a checkpoint")

    async def begin(self) -> Position:
        """The position before the first item, for a source whose start moves; else None.

        Such a source, of what is newest for example, settles here what its first item is, and
        `resume` with this position gives that item first, however much later. It is in the
        checkpoint before anything has been read. Called at most once, after `open`.
        """
        return None

    def __aiter__(self) -> AsyncIterator[Item_co]:
        """The items, from the start or from where `resume` said."""
        raise NotImplementedError

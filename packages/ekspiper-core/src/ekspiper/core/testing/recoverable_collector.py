"""Collectors in memory that recover from a checkpoint: one is cut back, one commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..collector import BatchPolicy, Collector, State
from ..source import Position

__all__ = ["CommittingCollector", "RecoverableCollector"]


class RecoverableCollector(Collector[Any]):
    """Is cut back to its checkpoint, like a file.

    Args:
        store: holds the items, and outlives the collector as a disk outlives a program.
    """

    def __init__(
        self, store: list[Any] | None = None, *, batch_policy: BatchPolicy | None = None
    ) -> None:
        self.store: list[Any] = [] if store is None else store
        self.batch_policy = batch_policy or BatchPolicy(period=0.01)
        self.snapshots: list[Position] = []

    async def collect(self, batch: Sequence[Any]) -> None:
        """Append a batch to the store."""
        self.store.extend(batch)

    async def snapshot(self, position: Position) -> State:
        """The length of the store."""
        self.snapshots.append(position)
        return {"length": len(self.store)}

    async def restore(self, state: State | None) -> Position | None:
        """Cut the store back."""
        if state is not None:
            if len(self.store) < state["length"]:
                raise AssertionError(f"{state} is more than the {len(self.store)} items there are")
            # What came after the snapshot comes again, and would be there twice.
            del self.store[state["length"] :]
        return None


class CommittingCollector(Collector[Any]):
    """Commits items and position together, like a database in one transaction.

    Args:
        store: holds the committed items, and the position that was committed with them.
    """

    class Store:
        """The items that are committed, and the position committed with them."""

        def __init__(self) -> None:
            self.items: list[Any] = []
            self.position: Position = None

    def __init__(
        self, store: Store | None = None, *, batch_policy: BatchPolicy | None = None
    ) -> None:
        self.store = store or self.Store()
        self.batch_policy = batch_policy or BatchPolicy(period=0.01)
        self._open_transaction: list[Any] = []

    async def collect(self, batch: Sequence[Any]) -> None:
        """Add a batch to the open transaction."""
        self._open_transaction.extend(batch)

    async def snapshot(self, position: Position) -> State:
        """Commit the transaction with the position."""
        self.store.items += self._open_transaction
        # In one step with the items, as nothing is awaited in between: like a transaction of a
        # database.
        self.store.position = position
        self._open_transaction.clear()
        return {}

    async def restore(self, state: State | None) -> Position | None:
        """Roll the transaction back; the committed position."""
        self._open_transaction.clear()
        return self.store.position

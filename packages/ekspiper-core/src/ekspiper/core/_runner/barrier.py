"""A mark sent down the flows: it arrives behind every item before it, and ahead of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..collector import State
from ..source import Position
from .channel import Control
from .receipt import Receipts

__all__ = ["Barrier"]


class Barrier(Control):
    """Stands behind item `sequence` of one source and collects the states of its collectors.

    This is the aligned snapshot of Carbone et al., "Lightweight Asynchronous Snapshots for
    Distributed Dataflows" (https://arxiv.org/abs/1506.08603). Flows form a tree below their
    source, so each place is reached by one path, and no barrier has to wait for its twin.
    """

    __slots__ = (
        "_done",
        "_missing",
        "_position",
        "last",
        "receipts",
        "sequence",
        "states",
        "time",
        "void",
    )

    def __init__(
        self,
        sequence: int,
        position: Position,
        *,
        receipts: Receipts,
        ends: int,
        done: Callable[[Barrier], Any],
        last: bool = False,
        time: float | None = None,
    ) -> None:
        self.sequence = sequence
        self.time = time
        """When the item before it came about."""
        self.last = last
        self.receipts = receipts
        self.states: dict[str, State] = {}
        self.void = False
        """True if a collector could not give its state: this barrier makes no checkpoint."""
        self._position = position
        self._missing = ends
        self._done = done

    @property
    def complete(self) -> bool:
        """Whether everything before it is kept, nothing dropped, and every state is known."""
        # All ends were reached, but an item may have been dropped on the way, or be a dead letter
        # that is still being written.
        return not self.void and self.receipts.watermark.mark >= self.sequence

    @property
    def position(self) -> Position:
        """Everything up to it has been collected.

        Behind a dropped item it is the last safe position: a sink that commits this position must
        get the dropped item again.
        """
        blocked_at = self.receipts.watermark.blocked_at
        if blocked_at is not None and blocked_at <= self.sequence:
            return self.receipts.safe_position
        return self._position

    def arrive(self, place: str, state: State | None = None) -> None:
        """It has reached one end of the flows, where the collector is in `state`."""
        if state is not None:
            self.states[place] = state
        self._missing -= 1
        if self._missing == 0:  # exactly once, however many ends there are
            self._done(self)

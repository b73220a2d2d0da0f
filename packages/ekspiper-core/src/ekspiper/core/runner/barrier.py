"""A mark sent down the flows: whoever it reaches has seen every item before it and none after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..collector import State
from ..source import Position
from .channel import Control

__all__ = ["Barrier"]


class Barrier(Control):
    """Stands behind item `sequence` of one source and collects the states of its collectors.

    This is the aligned snapshot of Carbone et al., "Lightweight Asynchronous Snapshots for
    Distributed Dataflows" (https://arxiv.org/abs/1506.08603). Flows form a tree below their
    source, so no place ever waits for a second barrier.
    """

    __slots__ = ("_done", "_missing", "position", "sequence", "states")

    def __init__(
        self, sequence: int, position: Position, *, ends: int, done: Callable[[Barrier], Any]
    ) -> None:
        self.sequence = sequence
        self.position = position
        self.states: dict[str, State] = {}
        self._missing = ends
        self._done = done

    def arrive(self, place: str, state: State | None = None) -> None:
        """It has reached one end of the flows, and what the collector there says of itself."""
        if state is not None:
            self.states[place] = state
        self._missing -= 1
        if self._missing == 0:
            self._done(self)

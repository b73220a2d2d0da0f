"""What a sink that commits its position kept before a restart, and need not get again."""

from __future__ import annotations

from ..source import Position

__all__ = ["Held"]


class Held:
    """Follows a source from its checkpoint to the later position that a sink had committed.

    Rows come in the source's order, so all up to the last row of that position are held.

    Args:
        position: up to which the sink holds everything.
        checkpoint: where the source resumed; None when it starts afresh. Then positions that
            are numbers are compared, because the source may start beyond what is held.
    """

    __slots__ = ("_ahead", "_checkpoint", "position", "reached")

    def __init__(self, position: Position, *, checkpoint: Position) -> None:
        self.position = position
        self.reached = False
        self._checkpoint = checkpoint
        self._ahead = position is not None and position != checkpoint

    def covers(self, position: Position) -> bool:
        """Whether the sink holds the row of this position. Call once per row, in order."""
        if not self._ahead:
            return False
        if position == self.position:
            self.reached = True
            return True
        beyond = self._checkpoint is None and _after(position, self.position)
        if self.reached or beyond:
            self._ahead = False
            return False
        return True

    @property
    def ahead(self) -> bool:
        """Whether the source is still on its way to what the sink holds."""
        return self._ahead and not self.reached


def _after(position: Position, other: Position) -> bool:
    return isinstance(position, int) and isinstance(other, int) and position > other

"""What a sink that commits its position kept before a restart, and need not get again."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..errors import CheckpointError
from ..source import Position

__all__ = ["Held"]

Stand: TypeAlias = Literal["unknown", "undecided", "ahead", "reached"]


class Held:
    """Follows a source from its checkpoint to the later position that a sink had committed.

    The source shows each item's position in its order; a row belongs to one of these items, in
    whatever order rows arrive. The rows of all items up to the one at `position` are held.

    Positions need no order, but where they are whole numbers their order is used, to notice a
    source that starts beyond what is held, and a sink that has fallen behind its checkpoint.

    Args:
        position: up to which the sink holds everything.
        checkpoint: where the source resumed; None when it starts afresh.
        place: of the sink, for errors.
    """

    __slots__ = (
        "_checkpoint",
        "_first",
        "_last",
        "_place",
        "_since",
        "_stand",
        "_upto",
        "position",
    )

    def __init__(self, position: Position, *, checkpoint: Position, place: str) -> None:
        self.position = position
        self._checkpoint = checkpoint
        self._place = place
        self._since = 0
        self._upto = -1
        self._first: Position = None
        self._last: Position = None
        self._stand: Stand = "unknown"
        if position is None or position == checkpoint:
            self._stand = "reached"

    def see(self, sequence: int, position: Position) -> None:
        """The source gives item `sequence`, which has `position`. Called for every item in order.

        Raises:
            CheckpointError: the sink holds less than the checkpoint says.
        """
        if self._stand == "reached":
            return
        self._last = position
        if self._stand == "unknown":
            self._first = position
            self._refuse_fallen_behind(position)
            starts_anew = self._checkpoint is None and _both_int(position, self.position)
            self._stand = "undecided" if starts_anew and position > self.position else "ahead"
        elif self._stand == "undecided":
            # It starts beyond what is held, which is the past; or it reads backwards, to there.
            self._stand = "ahead" if position < self._first else "reached"
            self._since = sequence
        if position == self.position:
            self._upto = sequence
            self._stand = "reached"

    def covers(self, sequence: int) -> bool:
        """Whether the sink holds the rows of item `sequence`, which has been seen."""
        return sequence >= self._since and (self._stand == "ahead" or sequence <= self._upto)

    def is_beyond(self, sequence: int) -> bool:
        """Whether the sink holds more than the items up to `sequence`."""
        return self._stand != "reached" or sequence < self._upto

    def end(self) -> None:
        """The source has ended.

        Raises:
            CheckpointError: it never came to what the sink is said to hold, so that rows may have
                been left out that the sink does not have.
        """
        if self._stand != "ahead":
            self._stand = "reached"
            return
        first, last, position = self._first, self._last, self.position
        if _both_int(first, last) and _both_int(last, position) and first <= last < position:
            return  # it ended before; everything it gave is held
        raise CheckpointError(
            f"{self._place} holds everything up to {position!r}, but the source ended at {last!r} "
            "without coming to it: it reads something else; give the sink another place, or "
            "start from the checkpoint that belongs to it"
        )

    def _refuse_fallen_behind(self, first: Position) -> None:
        start, held = self._checkpoint, self.position
        if not (_both_int(start, held) and _both_int(first, start)):
            return
        if (held > start) != (first > start):
            raise CheckpointError(
                f"{self._place} holds everything up to {held!r}, but the checkpoint stands at "
                f"{start!r}: rows between are missing from it; delete the checkpoint to go on "
                "from what the sink holds"
            )


def _both_int(one: Position, other: Position) -> bool:
    return isinstance(one, int) and isinstance(other, int)

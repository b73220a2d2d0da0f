"""What a sink with its own position keeps already after a restart, and must not get again."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..errors import CheckpointError
from ..source import Position

__all__ = ["AlreadyKept"]

Stand: TypeAlias = Literal["unknown", "undecided", "ahead", "reached"]


class AlreadyKept:
    """Follows a source from its checkpoint to the later position that a sink had committed.

    `see` is called for the items in the order of the source. Rows belong to these items, and may
    arrive in any order. The rows of all items up to the one at `position` are already kept.

    Positions need not be ordered. Where they are whole numbers, their order is used to notice a
    source that starts beyond what is kept, and a sink that has fallen behind its checkpoint.

    Args:
        position: the sink keeps everything up to it.
        checkpoint: where the source resumed; None if it starts at its beginning.
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
        """The source gives item `sequence`, which is at `position`. Called for every item in order.

        Raises:
            CheckpointError: the sink keeps less than the checkpoint says.
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
            # The first item was beyond what is kept. If the second is before the first, the source
            # reads backwards and will come to it; otherwise what is kept is from before its start.
            self._stand = "ahead" if position < self._first else "reached"
            self._since = sequence
        if position == self.position:
            self._upto = sequence
            self._stand = "reached"

    def covers(self, sequence: int) -> bool:
        """Whether the sink already keeps the rows of item `sequence`, which has been seen."""
        return sequence >= self._since and (self._stand == "ahead" or sequence <= self._upto)

    def is_beyond(self, sequence: int) -> bool:
        """Whether the sink keeps more than the items up to `sequence`."""
        return self._stand != "reached" or sequence < self._upto

    def end(self) -> None:
        """The source has ended.

        Raises:
            CheckpointError: it never came to the position that the sink keeps, so rows may have
                been left out that the sink does not have.
        """
        if self._stand != "ahead":
            self._stand = "reached"
            return
        first, last, position = self._first, self._last, self.position
        if _both_int(first, last) and _both_int(last, position) and first <= last < position:
            return  # it ended before that position, so everything it gave is kept
        raise CheckpointError(
            f"{self._place} holds everything up to {position!r}, but the source ended at {last!r} "
            "without reaching it: it reads something else; give the sink another place, or "
            "start from the checkpoint that belongs to it"
        )

    def _refuse_fallen_behind(self, first: Position) -> None:
        start, held = self._checkpoint, self.position
        if not (_both_int(start, held) and _both_int(first, start)):
            return
        if (held > start) != (first > start):
            raise CheckpointError(
                f"{self._place} holds everything up to {held!r}, but the checkpoint stands at "
                f"{start!r}: rows between are missing from it; delete the checkpoint to continue "
                "from what the sink holds"
            )


def _both_int(one: Position, other: Position) -> bool:
    return isinstance(one, int) and isinstance(other, int)

"""The contiguous low-water mark: everything up to it is kept, however out of order it settled."""

from __future__ import annotations

__all__ = ["LowWaterMark"]


class LowWaterMark:
    """Follows which of the items 0, 1, 2, ... are kept, and where the first gap is.

    It remembers the items kept beyond the first gap, until the gap is closed. If the item in the
    gap will never be kept, the mark cannot pass it, and nothing beyond is remembered any more.
    """

    __slots__ = ("_beyond", "_blocked", "_mark")

    def __init__(self) -> None:
        self._mark = -1
        self._beyond: set[int] = set()
        self._blocked: int | None = None

    @property
    def mark(self) -> int:
        """The last item of the unbroken run of kept items from 0 on; -1 when item 0 is open."""
        return self._mark

    @property
    def blocked_at(self) -> int | None:
        """The first item that will never be kept, where there is one."""
        return self._blocked

    @property
    def waiting(self) -> int:
        """How many items are kept beyond the first gap."""
        return len(self._beyond)

    def keep(self, sequence: int) -> int:
        """Item `sequence` is kept. Returns the mark."""
        if sequence == self._mark + 1:
            self._mark = sequence
            beyond = self._beyond
            if beyond:  # items settle in order nearly always
                while self._mark + 1 in beyond:
                    self._mark += 1
                    beyond.remove(self._mark)
        elif self._blocked is None or sequence < self._blocked:
            self._beyond.add(sequence)
        return self._mark

    def lose(self, sequence: int) -> None:
        """Item `sequence` will never be kept: the mark stays before it."""
        if self._blocked is None or sequence < self._blocked:
            self._blocked = sequence
            # Of no use any more: the mark will never get there.
            self._beyond = {kept for kept in self._beyond if kept < sequence}

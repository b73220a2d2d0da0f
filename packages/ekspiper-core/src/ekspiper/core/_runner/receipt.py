"""Receipts, which follow each source item until it is settled, and the contiguous low-water mark."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum

from .._wording import counted
from ..errors import ReceiptError
from ..source import Position
from .report import SourceReport

__all__ = ["LowWaterMark", "Receipt", "Receipts", "Status"]


class Status(IntEnum):
    """What became of an item; where its parts differ, the worst (highest) wins."""

    KEPT = 0
    DEAD_LETTERED = 1
    DROPPED = 2


# Members of an enumeration are slow to reach and to compare, and this is done for every item.
_DROPPED = int(Status.DROPPED)


class Receipt:
    """Counts the open parts of one source item, and remembers the worst status of the others.

    It starts with one part. Code that hands an item on to several places calls `fork` first. Each
    place settles its part exactly once.
    """

    __slots__ = ("_ledger", "parts", "position", "read_at", "sequence", "status", "time")

    def __init__(
        self,
        ledger: Receipts,
        sequence: int,
        position: Position,
        read_at: float = 0.0,
        time: float | None = None,
    ) -> None:
        self._ledger = ledger
        self.sequence = sequence
        self.position = position
        self.read_at = read_at
        self.time = time
        """When the item came about, as its source says; see `Source.time`."""
        self.parts = 1
        self.status = 0

    @property
    def source(self) -> str:
        """The identity of the source that the item came from."""
        return self._ledger.source

    def fork(self, parts: int) -> None:
        """Expect `parts` more calls of `settle`."""
        self.parts += parts

    def settle(self, status: int = 0) -> None:
        """One part is settled. The last one settles the item."""
        if status > self.status:
            self.status = status
        parts = self.parts = self.parts - 1
        if parts <= 0:  # less than none: settled twice, which the ledger reports
            self._ledger.settled(self)


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


class Receipts:
    """All receipts of one source in one run.

    Args:
        source: gives the name of the source, for dead letters; asked for when it is needed, as a
            source may know it only once it is open.
        watch: called with the seconds from reading to settling of each item.
    """

    def __init__(
        self,
        *,
        source: Callable[[], str] = str,
        watch: Callable[[float], None] | None = None,
    ) -> None:
        self.watermark = LowWaterMark()
        self.issued = 0
        self.counts = [0] * len(Status)
        self._safe_position: Position = None
        self._source = source
        self._watch = watch
        self._errors: list[str] = []

    @property
    def source(self) -> str:
        """The name of the source."""
        return self._source()

    @property
    def safe_position(self) -> Position:
        """The position up to which everything is kept, and the checkpoint says so."""
        return self._safe_position

    def mark_safe(self, position: Position) -> None:
        """Everything up to `position` is kept, and the next checkpoint says so."""
        self._safe_position = position

    @property
    def open(self) -> int:
        """How many items are read and not settled."""
        return self.issued - sum(self.counts)

    @property
    def blocked(self) -> bool:
        """Whether an item was dropped, so that the checkpoint cannot pass it."""
        return self.watermark.blocked_at is not None

    def issue(self, position: Position, at: float | None = None) -> Receipt:
        """A receipt for the item just read from the source, which came about `at` that time."""
        sequence = self.issued
        self.issued = sequence + 1
        if self._watch is None:  # nobody measures, so the clock is not asked
            return Receipt(self, sequence, position, 0.0, at)
        return Receipt(self, sequence, position, time.monotonic(), at)

    def settled(self, receipt: Receipt) -> None:
        """All parts of an item are settled: called by its receipt."""
        if receipt.parts < 0:
            # Collected, not raised: it would end up as an error of the item that comes next.
            self._errors.append(f"the item at {receipt.position!r} was settled more than once")
            return
        status = receipt.status
        self.counts[status] += 1
        if status < _DROPPED:
            self.watermark.keep(receipt.sequence)
        else:
            self.watermark.lose(receipt.sequence)
        if self._watch is not None:
            self._watch(time.monotonic() - receipt.read_at)

    def report(self, *, lag: float | None) -> SourceReport:
        """What has become of the items so far."""
        return SourceReport(
            read=self.issued,
            kept=self.counts[Status.KEPT],
            dead_lettered=self.counts[Status.DEAD_LETTERED],
            dropped=self.counts[Status.DROPPED],
            position=self.safe_position,
            lag=lag,
        )

    def check(self) -> None:
        """Raise `ReceiptError` unless every receipt was settled exactly once."""
        if self.open:
            self._errors.append(f"{counted(self.open, 'item')} read and never settled")
        if self._errors:
            more = f" (and {len(self._errors) - 1} more)" if len(self._errors) > 1 else ""
            raise ReceiptError(f"{self._errors[0]}{more}: this is a bug in the runner")

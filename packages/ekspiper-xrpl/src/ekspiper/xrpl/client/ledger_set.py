"""The ledgers a node holds: disjoint ranges, as `complete_ledgers` gives them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["LedgerSet"]


@dataclass(frozen=True, slots=True)
class LedgerSet:
    """Ledger indexes as sorted, disjoint, inclusive ranges.

    >>> str(LedgerSet.parse("32570-6595042,6595052-6595054"))
    '32570-6595042,6595052-6595054'
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int]]) -> LedgerSet:
        """The union of any ranges: in any order, overlapping or not."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if first > last:
                raise ValueError(f"a range of ledgers ends before it starts: {first}-{last}")
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def parse(cls, text: str) -> LedgerSet:
        """From what a server says: `empty`, `5`, `2-302` or `2-90,100-302`.

        Raises:
            ValueError: it is something else.
        """
        text = text.strip()
        if text in ("", "empty"):
            return cls()
        return cls.of(_parse_range(part) for part in text.split(","))

    def __contains__(self, index: int) -> bool:
        place = bisect_right(self.ranges, (index, _INFINITY)) - 1
        return place >= 0 and index <= self.ranges[place][1]

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: LedgerSet) -> LedgerSet:
        return LedgerSet.of((*self.ranges, *other.ranges))

    def __str__(self) -> str:
        return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self.ranges) or "empty"

    @property
    def first(self) -> int:
        """The lowest index; 0 when empty."""
        return self.ranges[0][0] if self.ranges else 0

    @property
    def last(self) -> int:
        """The highest index; 0 when empty."""
        return self.ranges[-1][1] if self.ranges else 0

    def at(self, place: int) -> int:
        """The index at a place, counted from 0 in ascending order.

        Raises:
            IndexError: there are fewer.
        """
        for first, last in self.ranges:
            if 0 <= place <= last - first:
                return first + place
            place -= last - first + 1
        raise IndexError("there are fewer ledgers")

    def without(self, other: LedgerSet) -> LedgerSet:
        """The ledgers that are not in `other`."""
        gaps = (other.missing(first, last).ranges for first, last in self.ranges)
        return LedgerSet(tuple(gap for some in gaps for gap in some))

    def add(self, index: int) -> LedgerSet:
        """With one more ledger."""
        return self if index in self else LedgerSet.of((*self.ranges, (index, index)))

    def missing(self, first: int, last: int) -> LedgerSet:
        """What of `first` to `last` (inclusive) is not here."""
        gaps: list[tuple[int, int]] = []
        for low, high in self.ranges:
            if high < first or low > last:
                continue
            if low > first:
                gaps.append((first, low - 1))
            first = high + 1
        if first <= last:
            gaps.append((first, last))
        return LedgerSet(tuple(gaps))


_INFINITY = 1 << 62


def _parse_range(text: str) -> tuple[int, int]:
    first, dash, last = text.strip().partition("-")
    if not first.isascii() or not first.isdigit() or (dash and not last.strip().isdigit()):
        raise ValueError(f"not a range of ledgers: {text!r}")
    return int(first), int(last if dash else first)

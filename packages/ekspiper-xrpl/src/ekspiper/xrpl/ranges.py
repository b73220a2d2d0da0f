"""Ranges of ledgers as people write them: `FIRST:LAST`, `FIRST:+COUNT`, `-COUNT:`, `FIRST:`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import LedgerSet

__all__ = ["BadRange", "RangeSpec", "parse_range", "ranges_begun", "resolve_ranges"]

# Ledger indexes have 32 bits.
_HIGHEST = 0xFFFFFFFF
_SHAPE = re.compile(r"(?P<first>\d+):(?:(?P<plus>\+)?(?P<second>\d+))?|-(?P<tail>\d+):")
_HELP = "write FIRST:LAST (both included), FIRST:+COUNT, -COUNT: (the newest) or FIRST:"


class BadRange(ConfigError):
    """A range of ledgers that cannot be read, or is empty."""


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """A range as it was written. What is relative to the newest ledger is not resolved yet.

    Attributes:
        text: as written.
        first: its first ledger; None: `count` before the newest.
        last: its last ledger; None: the newest.
        count: how many, where that was written for the newest ones; else None.
    """

    text: str
    first: int | None
    last: int | None
    count: int | None = None

    @property
    def is_absolute(self) -> bool:
        """Whether it means the same whatever the newest ledger is."""
        return self.first is not None and self.last is not None

    def text_at(self, newest: int | None) -> str:
        """How it is written when the newest ledger is `newest`: as it was, where that says all."""
        if self.is_absolute:
            return self.text
        first, last = self.resolve(newest)
        return f"{first}:{last}"

    def resolve(self, newest: int | None = None) -> tuple[int, int]:
        """Its first and last ledger.

        Args:
            newest: the newest validated ledger; not needed for an absolute range.

        Raises:
            BadRange: it begins after the newest ledger, or the newest is needed and not given.
        """
        if self.first is not None and self.last is not None:
            return self.first, self.last
        if not newest:
            raise BadRange(
                f"the range {self.text} needs a node that says what the newest ledger is"
            )
        first = self.first if self.first is not None else max(1, newest - (self.count or 1) + 1)
        if first > newest:
            raise BadRange(f"the range {self.text} begins after the newest ledger, {newest}")
        return first, newest


def parse_range(text: str) -> RangeSpec:
    """Read one range.

    >>> parse_range("3:+300").resolve()
    (3, 302)

    Raises:
        BadRange: it is not a range, ends before it begins, or goes beyond 32 bits.
    """
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        raise BadRange(f"{text!r} is not a range of ledgers: {_HELP}")
    if found["tail"]:
        return RangeSpec(text, None, None, _positive(text, int(found["tail"])))
    first = _positive(text, int(found["first"]))
    if found["second"] is None:
        return RangeSpec(text, first, None)
    second = int(found["second"])
    last = first + _positive(text, second) - 1 if found["plus"] else second
    if last < first:
        raise BadRange(f"the range {text} ends before it begins: {_HELP}")
    if last > _HIGHEST:
        raise BadRange(f"the range {text} goes beyond ledger {_HIGHEST}, the highest there can be")
    return RangeSpec(text, first, last)


def _positive(text: str, number: int) -> int:
    if number < 1:
        raise BadRange(f"the range {text} holds no ledger, or ledger 0, which does not exist")
    return number


def ranges_begun(identity: str, given: Iterable[str]) -> list[str]:
    """What to read in a folder where a run began whose source had this identity.

    `-100:` means the ledgers that it meant when that run began. Ranges that mean the same at any
    time stay as they are given.
    """
    texts = list(given)
    if all(parse_range(text).is_absolute for text in texts):
        return texts
    # The identity of a source names its ranges with both ends, as `text_at` wrote them.
    return re.findall(r"\d+:\d+", identity)


def resolve_ranges(specs: Iterable[RangeSpec], newest: int | None = None) -> LedgerSet:
    """The union of several ranges: each ledger once, in order."""
    return LedgerSet.of(spec.resolve(newest) for spec in specs)

"""What is known of a thing at some ledgers: the answer for any ledger is the latest before it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from .spool import Span

__all__ = ["History"]


@dataclass(slots=True)
class History:
    """Answers about one thing (a book, a pool), by the ledger they were given for."""

    answers: dict[int, Span | None] = field(default_factory=dict)
    """`None` where the server said that the thing is not there."""

    _sorted: list[int] = field(default_factory=list)

    def add(self, ledger_index: int, answer: Span | None) -> None:
        """Keep an answer; of two for one ledger the longer, which was asked with a higher limit."""
        known = self.answers.get(ledger_index)
        if known is None or (answer is not None and answer.length > known.length):
            self.answers[ledger_index] = answer
        self._sorted.clear()

    def latest(self, ledger_index: int) -> tuple[int, Span | None] | None:
        """The last answer at or before a ledger, and the ledger it was given for."""
        if not self._sorted:
            self._sorted.extend(sorted(self.answers))
        place = bisect_right(self._sorted, ledger_index)
        if place == 0:
            return None
        found = self._sorted[place - 1]
        return found, self.answers[found]

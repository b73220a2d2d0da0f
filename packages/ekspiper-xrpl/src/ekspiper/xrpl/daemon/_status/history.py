"""The last minutes of a daemon: how fast it was, and how far behind."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["History", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A few seconds: transactions a second, and the age of what is kept, where it is known."""

    rate: float
    lag: float | None


class History:
    """Samples at a steady pace. Knows no clock: times are arguments, in seconds.

    Args:
        every: seconds between two samples.
        over: seconds that are kept.
    """

    def __init__(self, *, every: float = 5.0, over: float = 600.0) -> None:
        self.every = every
        self._samples: deque[Sample] = deque(maxlen=round(over / every))
        self._last: tuple[float, int] | None = None

    @property
    def samples(self) -> list[Sample]:
        """From the oldest to the newest."""
        return list(self._samples)

    def note(self, now: float, transactions: int, lag: float | None) -> None:
        """Note the total of transactions and the lag; more often than `every` does no harm."""
        if self._last is None:
            self._last = (now, transactions)
            return
        before, had = self._last
        if now - before < self.every:
            return
        # By the real time between two calls: under load they come late.
        self._samples.append(Sample(max(0, transactions - had) / (now - before), lag))
        self._last = (now, transactions)

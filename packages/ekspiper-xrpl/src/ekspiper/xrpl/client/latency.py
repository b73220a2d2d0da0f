"""How long a node takes to answer."""

from __future__ import annotations

__all__ = ["Latency"]

_GUESS = 0.05
_HALF_LIFE = 5.0


class Latency:
    """A smoothed latency and its mean deviation, in seconds: RFC 6298, section 2.

    Attributes:
        known: whether it is more than a guess.
    """

    __slots__ = ("at", "deviation", "known", "mean")

    def __init__(self) -> None:
        self.known = False
        self.at = 0.0
        self.mean = _GUESS
        self.deviation = _GUESS

    def take(self, seconds: float, now: float) -> None:
        """Take one more answer into account."""
        self.at = now
        if not self.known:
            self.known, self.mean, self.deviation = True, seconds, seconds / 2
            return
        self.deviation += (abs(seconds - self.mean) - self.deviation) / 4
        self.mean += (seconds - self.mean) / 8

    def expected(self, now: float) -> float:
        """What to expect of the next answer: what is old counts less.

        A node that was slow once is not asked any more, so nothing new is learned of it. Half of
        what is held against it is forgotten every five seconds.
        """
        return float(self.mean * 0.5 ** max(0.0, (now - self.at) / _HALF_LIFE))

    @property
    def usual(self) -> float:
        """What nearly no answer takes longer than."""
        return self.mean + 4 * self.deviation

"""How long a node takes to answer."""

from __future__ import annotations

__all__ = ["Latency"]

_GUESS = 0.05


class Latency:
    """A smoothed latency and its mean deviation, in seconds: RFC 6298, section 2."""

    __slots__ = ("deviation", "mean")

    def __init__(self) -> None:
        self.mean = _GUESS
        self.deviation = _GUESS

    def take(self, seconds: float) -> None:
        """Take one more answer into account."""
        self.deviation += (abs(seconds - self.mean) - self.deviation) / 4
        self.mean += (seconds - self.mean) / 8

    @property
    def usual(self) -> float:
        """What nearly no answer takes longer than."""
        return self.mean + 4 * self.deviation

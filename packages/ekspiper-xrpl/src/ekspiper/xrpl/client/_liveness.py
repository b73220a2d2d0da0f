"""Time-outs of connections: when a silent one counts as dead, and how long its answers take."""

from __future__ import annotations

import enum

__all__ = ["Latency", "Liveness", "Sign"]

# Each time no ledger came, the next one gets twice as long, up to this many times the timeout: a
# network that stands still must not be connected to again every 15 s.
_LONGEST = 16

# What to expect of a node before its first answer, in seconds: a server on the same continent.
_GUESS = 0.05
_HALF_LIFE = 5.0


class Sign(enum.Enum):
    """What a look at a connection says."""

    ALIVE = "alive"
    SILENT = "silent: send a ping"
    NO_LEDGER = "subscribed, and no ledger comes"
    NO_ANSWER = "the ping was not answered"


class Liveness:
    """Follows one node's connections. Knows no clock: times are arguments, in seconds.

    Args:
        timeout: a subscribed connection without a ledger for this long is dead; without any byte
            for a third of it, it is pinged, and has another third to answer.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._ledger_timeout = timeout
        self._ledger_at = 0.0
        self._received = 0
        self._heard_at = 0.0
        self._pinged_at: float | None = None

    def connected(self, now: float) -> None:
        """A new connection."""
        self._received, self._heard_at, self._pinged_at = 0, now, None
        self._ledger_at = now

    def ledger(self, now: float, *, is_new: bool) -> None:
        """A ledger was validated, or a subscription confirmed."""
        self._ledger_at = now
        if is_new:
            self._ledger_timeout = self._timeout

    def silence(self, now: float) -> float:
        """Seconds since the last ledger."""
        return now - self._ledger_at

    def is_behind(self, now: float) -> bool:
        """Whether a ledger is overdue; what is not subscribed to is not waited for."""
        return self.silence(now) > self._timeout

    def look(self, now: float, *, received: int, subscribed: bool) -> Sign:
        """What to think of the connection now.

        Args:
            received: bytes that came over it so far.
            subscribed: whether ledgers should come.
        """
        if not subscribed:
            self._ledger_at = now  # a subscription that begins later is waited for from then on
        elif now - self._ledger_at > self._ledger_timeout:
            self._ledger_timeout = min(self._ledger_timeout * 2, _LONGEST * self._timeout)
            return Sign.NO_LEDGER
        if received != self._received:
            self._received, self._heard_at, self._pinged_at = received, now, None
        elif self._pinged_at is not None:
            return Sign.NO_ANSWER if now - self._pinged_at > self._timeout / 3 else Sign.ALIVE
        elif now - self._heard_at > self._timeout / 3:
            self._pinged_at = now
            return Sign.SILENT
        return Sign.ALIVE


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

        A node that was slow once is no longer asked, so nothing new is learned about it. Therefore
        its known latency halves every five seconds, until it is tried again.
        """
        return float(self.mean * 0.5 ** max(0.0, (now - self.at) / _HALF_LIFE))

    @property
    def usual(self) -> float:
        """What nearly no answer takes longer than."""
        return self.mean + 4 * self.deviation

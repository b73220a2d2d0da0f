"""How many requests a node is given at once: grows on success, halves when it asks for less.

Public servers, which belong to everybody, get few:
https://xrpl.org/docs/tutorials/public-servers

Additive increase, multiplicative decrease, with a slow start (RFC 5681, sections 3.1 and 3.2),
counted in requests. Knows no clock: the time is an argument, in seconds of any monotonic clock.
"""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["Window", "bounds_for", "is_public", "window_for"]

# rippled forgets a client's load within 32 seconds, so twice the longest pause is enough for it. The
# first one lets what is on its way arrive.
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 16.0

# Enough to hide the time on the line; servers work on far fewer at once.
_WINDOW = 128
# Clio lets an address send 20 requests a second unless it is told otherwise; half of that leaves
# room for others behind the same address.
_POLITE_WINDOW = 4
_POLITE_RATE = 10.0

_PUBLIC = (
    "honeycluster.io",
    "ripple.com",
    "rippletest.net",
    "xahau.network",
    "xrpl-labs.com",
    "xrpl.ws",
    "xrplcluster.com",
)


class Window:
    """The room for requests on one connection.

    Args:
        initial: requests in flight at the start.
        maximum: never more than this.
        rate: at most this many requests a second; None for no bound.
    """

    __slots__ = (
        "_interval",
        "_next_send",
        "_pause",
        "_paused_until",
        "_round_ends",
        "_slow_start",
        "limit",
        "maximum",
    )

    def __init__(self, *, initial: int = 16, maximum: int = 128, rate: float | None = None) -> None:
        self.limit = float(min(initial, maximum))
        self.maximum = maximum
        self._interval = 1 / rate if rate else 0.0
        self._next_send = 0.0
        self._pause = _FIRST_PAUSE
        self._paused_until = 0.0
        self._round_ends = 0.0
        self._slow_start = True

    def allows(self, in_flight: int, now: float) -> bool:
        """Whether one more request may be sent."""
        return in_flight < int(self.limit) and now >= self._paused_until and now >= self._next_send

    def opens_at(self) -> float:
        """The time before which nothing may be sent, however few are in flight."""
        return max(self._paused_until, self._next_send)

    def sent(self, now: float) -> None:
        """One request was sent."""
        if self._interval:
            self._next_send = max(self._next_send, now) + self._interval

    def narrow(self) -> None:
        """One request at a time, until answers come again."""
        self._slow_start = False
        self.limit = 1.0

    def succeeded(self, in_flight: int, now: float) -> None:
        """One request was answered; `in_flight` counts it.

        The window grows only while it is what bounds the requests, by one per answer in the slow
        start, later by one per window of answers.
        """
        if now < self._round_ends:
            return
        self._pause = _FIRST_PAUSE
        # A window that is not used says nothing about what the node could take.
        if in_flight * 2 < self.limit:
            return
        step = 1.0 if self._slow_start else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self.maximum))

    def overloaded(self, now: float, *, delay: float | None = None) -> bool:
        """The node asked for less: halve, and pause.

        Requests that were already on their way when it first said so do not halve it again.

        Args:
            delay: seconds to pause, as the server said; None: 0.25, doubling each time up to 16.

        Returns:
            Whether the window was halved.
        """
        pause = self._pause if delay is None else delay
        self._paused_until = max(self._paused_until, now + pause)
        if now < self._round_ends:
            return False
        self._slow_start = False
        self.limit = max(1.0, self.limit / 2)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._round_ends = self._paused_until + _FIRST_PAUSE
        return True


def is_public(url: str) -> bool:
    """Whether the node is one of the public servers."""
    host = urlsplit(url).hostname or ""
    return any(host == name or host.endswith(f".{name}") for name in _PUBLIC)


def bounds_for(
    maximum: int | None, rate: float | None, *, polite: bool
) -> tuple[int, float | None]:
    """The most requests in flight on a node, and a second; None: no bound.

    Args:
        maximum: most requests in flight; None: 128, politely 4.
        rate: most requests a second; None: no bound, politely 10.
    """
    if polite:
        return maximum or _POLITE_WINDOW, rate or _POLITE_RATE
    return maximum or _WINDOW, rate


def window_for(maximum: int | None, rate: float | None, *, polite: bool) -> Window:
    """The window of a node, with the bounds of `bounds_for`."""
    most, bound = bounds_for(maximum, rate, polite=polite)
    return Window(initial=min(2, most) if polite else 16, maximum=most, rate=bound)

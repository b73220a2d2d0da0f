"""The pool's clock, and the backoff before a node is connected to again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ekspiper.core import RetryPolicy

__all__ = ["Backoff", "SteadyClock"]

# A sleep that takes this much longer than it should is noticed: the process was blocked, or the
# machine asleep. Less than that is what a busy machine does.
_NOTICED = 1.0

# The first pause is about what a restarting proxy needs; the longest keeps a node that was away
# for a day from being missed for more than a few ledgers once it is back.
_PAUSES = RetryPolicy(first=0.4, longest=15.0, elapsed=None)


class SteadyClock:
    """Seconds of the event loop, without the time during which it was blocked or asleep.

    So nobody counts as late because this process was late. Its user sleeps for a known time in a
    loop, and reports how long each sleep really took.
    """

    def __init__(self) -> None:
        self._stalled = 0.0
        self._time = _time_of_running_loop

    def begin(self) -> None:
        """Read the clock of the event loop that runs now, from here on."""
        # Each request asks several times, and to find the running loop is a system call.
        self._time = asyncio.get_running_loop().time

    def __call__(self) -> float:
        """Seconds, monotonic."""
        return self._time() - self._stalled

    def slept(self, meant: float, real: float) -> None:
        """A sleep that was meant to last `meant` seconds lasted `real`."""
        if real - meant > _NOTICED:
            self._stalled += real - meant


def _time_of_running_loop() -> float:
    return asyncio.get_running_loop().time()


class Backoff:
    """When a node may be connected to again: later after each failure, with full jitter.

    The wait can be made longer or cut short while it lasts.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._not_before = 0.0
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """Start afresh: what failed before does not count."""
        self._failures = 0
        self._not_before = 0.0

    def succeeded(self) -> None:
        """A connection is up."""
        self._failures = 0

    def failed(self) -> None:
        """A connection could not be made, or was lost."""
        self._failures += 1

    def put_off(self, seconds: float) -> None:
        """Wait at least this many seconds from now."""
        self._not_before = max(self._not_before, self._clock() + seconds)
        self._changed.set()

    def cut_short(self) -> None:
        """Wait no longer."""
        self._not_before = 0.0
        self._changed.set()

    async def over(self) -> None:
        """Return when it is time."""
        pause = _PAUSES.wait(self._failures) if self._failures else 0.0
        self._not_before = max(self._not_before, self._clock() + pause)
        while (left := self._not_before - self._clock()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return

"""When a node may be connected to again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

__all__ = ["Turns"]

_BACKOFF = 0.2
_LONGEST_BACKOFF = 15.0


class Turns:
    """Backoff with full jitter, which can be made longer or cut short while it lasts.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._not_before = 0.0
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """A new life: neither what failed before counts, nor how long to wait for it."""
        self._failures = 0
        self._not_before = 0.0

    def succeeded(self) -> None:
        """A connection is up."""
        self._failures = 0

    def failed(self) -> None:
        """A connection could not be made, or was lost."""
        self._failures += 1

    def put_off(self, seconds: float) -> None:
        """Not for so long from now on, whatever the backoff says."""
        self._not_before = max(self._not_before, self._clock() + seconds)
        self._changed.set()

    def now(self) -> None:
        """At once, whatever was said before."""
        self._not_before = 0.0
        self._changed.set()

    async def next(self) -> None:
        """Return when it is time."""
        bound = min(_LONGEST_BACKOFF, _BACKOFF * 2 ** min(self._failures, 10))
        pause = random.uniform(0, bound) if self._failures else 0.0
        self._not_before = max(self._not_before, self._clock() + pause)
        while (left := self._not_before - self._clock()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return

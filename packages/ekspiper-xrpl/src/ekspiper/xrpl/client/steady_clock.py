"""A clock by which nobody is late because this process was."""

from __future__ import annotations

import asyncio

__all__ = ["SteadyClock"]

_NOTICED = 1.0


class SteadyClock:
    """Seconds of the event loop, without the time during which it was blocked or asleep.

    Whoever uses it sleeps for a known time again and again and says how long that really took.
    """

    def __init__(self) -> None:
        self._stalled = 0.0

    def __call__(self) -> float:
        """Seconds, monotonic."""
        return asyncio.get_running_loop().time() - self._stalled

    def slept(self, meant: float, real: float) -> None:
        """A sleep that was meant to last `meant` seconds lasted `real`."""
        if real - meant > _NOTICED:
            self._stalled += real - meant

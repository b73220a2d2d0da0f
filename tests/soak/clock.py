"""Clocks that jump, as after the machine slept or somebody set the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["JumpingClock", "jumping_clock"]


class JumpingClock:
    """The process's wall clock and the event loop's clock, and how far they are ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wall, self._loop = time.time, loop.time
        self._wall_ahead = self._loop_ahead = 0.0

    def jump(self, *, wall: float, monotonic: float) -> None:
        """Move both on by so many seconds at once; the wall clock may also go back."""
        self._wall_ahead += wall
        self._loop_ahead += monotonic

    def wall(self) -> float:
        """In place of `time.time`."""
        return self._wall() + self._wall_ahead

    def monotonic(self) -> float:
        """In place of the loop's `time`."""
        return self._loop() + self._loop_ahead


@contextmanager
def jumping_clock() -> Iterator[JumpingClock]:
    """Let the clocks of this process and its event loop jump for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    real = time.time
    clock = JumpingClock(loop)
    time.time = clock.wall
    loop.time = clock.monotonic  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        time.time = real
        # Timers that were set meanwhile are due when they were due; the loop's own clock is behind.
        del loop.time

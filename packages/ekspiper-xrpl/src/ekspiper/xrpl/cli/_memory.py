"""Memory of commands that run for months: what is not needed goes back to the system.

Two things would let it grow. A connection that is lost leaves objects that refer to each other, with
the bytes that they had read; Python looks for such circles only after so many new objects
(`collect_garbage_rarely`) that a quiet feed gets there once in days. And glibc keeps what is freed
below memory that is still used: a sink that hangs fills the queues for a moment, and the process
stays as large as it was then.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from functools import cache

__all__ = ["give_back", "give_back_regularly"]

_EVERY = 60.0
# At most this part of the time is spent on it, however large the process is.
_SHARE = 0.01


def give_back_regularly(loop: asyncio.AbstractEventLoop, *, every: float = _EVERY) -> None:
    """Give memory back every `every` seconds, for as long as the loop runs."""

    def now() -> None:
        began = time.perf_counter()
        give_back(_trim())
        took = time.perf_counter() - began
        # Timed from the end: a process of many gigabytes, in which this takes a second, does it
        # less often.
        loop.call_later(max(every, took / _SHARE), now)

    loop.call_later(every, now)


def give_back(trim: Callable[[int], int] | None) -> None:
    """Free what is only kept by circles, and return free memory to the system."""
    gc.collect()
    # After the collection, so that what the circles held can be returned as well.
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc; other C libraries return memory by themselves, or cannot be asked."""
    import ctypes  # for commands that run for a minute

    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found

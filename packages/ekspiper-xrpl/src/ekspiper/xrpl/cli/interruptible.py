"""Runs a command's work so that a signal ends it in order at any time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ekspiper.core.runner.signals import SIGNALS

from .garbage import look_for_garbage_rarely

__all__ = ["Interrupted", "run_interruptible"]

T = TypeVar("T")


class Interrupted(Exception):
    """SIGINT or SIGTERM came when nothing was running that could be drained."""


def run_interruptible(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, in which SIGINT and SIGTERM cancel the work.

    While a pipeline runs, the signals are its own: they drain it.

    Raises:
        Interrupted: one of them came before or after that.
    """
    interrupted = False
    look_for_garbage_rarely()

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            task.cancel()

        with _handling(lambda *_: loop.call_soon_threadsafe(interrupt)):
            return await task

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if interrupted:
            raise Interrupted from None
        raise


@contextmanager
def _handling(handler: Callable[..., object]) -> Iterator[None]:
    """Not by the loop: a pipeline that took the signals could not give them back."""
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)

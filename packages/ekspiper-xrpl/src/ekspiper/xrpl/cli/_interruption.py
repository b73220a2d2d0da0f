"""Runs a command's work so that a signal ends it in order at any time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ekspiper.core import SIGNALS
from ekspiper.xrpl.event_loop import run_in_event_loop

from ._memory import give_back_regularly
from .main import collect_garbage_rarely

__all__ = ["Interrupted", "run_interruptible"]

T = TypeVar("T")


class Interrupted(Exception):
    """A signal came when nothing was running that could be drained.

    Args:
        code: the exit code: 1 where work was left undone.
    """

    def __init__(self, code: int = 1) -> None:
        super().__init__("stopped on request")
        self.code = code


def run_interruptible(work: Coroutine[Any, Any, T], *, code: int = 1) -> T:
    """`run_in_event_loop`, in which a signal cancels the work.

    While a pipeline runs, the signals are its own: they drain it.

    Args:
        code: the exit code of an interruption before or after that.

    Raises:
        Interrupted: there was one.
    """
    interrupted = False
    # Here, where the work begins: `--help` and mistakes are over before it would pay.
    collect_garbage_rarely()

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        give_back_regularly(loop)
        task = asyncio.ensure_future(work)

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            task.cancel()

        # A handler of Python runs between two instructions of anything; the loop must do it in its
        # turn.
        with _handling(lambda *_: loop.call_soon_threadsafe(interrupt)):
            return await task

    try:
        return run_in_event_loop(guarded())
    except asyncio.CancelledError:
        # Without a signal it is a fault of ours, which deserves its traceback.
        if interrupted:
            raise Interrupted(code) from None
        raise
    finally:
        work.close()  # does nothing unless there was no loop to begin it in


@contextmanager
def _handling(handler: Callable[..., object]) -> Iterator[None]:
    """Not by the loop: a pipeline that took the signals could not give them back."""
    # What was there before comes back at the end: a test, or a program that calls us, has its own.
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)

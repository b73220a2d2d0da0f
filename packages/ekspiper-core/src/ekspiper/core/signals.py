"""The first SIGINT, SIGTERM or SIGHUP drains a run, a second SIGINT or SIGTERM stops it."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["SIGNALS", "Drainable", "draining_on_signals", "free_signals"]


def _hang_up() -> tuple[signal.Signals, ...]:
    """SIGHUP, which comes when a terminal closes; not under `nohup`, which wants it ignored."""
    number = getattr(signal, "SIGHUP", None)
    return () if number is None or signal.getsignal(number) is signal.SIG_IGN else (number,)


SIGNALS = (signal.SIGINT, signal.SIGTERM, *_hang_up())
"""The signals that drain a run."""

# These do not stop it the second time: a terminal that closes may send more than one.
_NEVER_STOP = _hang_up()

log = logging.getLogger("ekspiper")


class Drainable(Protocol):
    """What can be ended in two ways, as a `Run` can."""

    def drain(self) -> None:
        """Begin nothing new, and finish what is under way."""

    def stop(self) -> None:
        """Stop at once."""


@contextmanager
def draining_on_signals(
    run: Drainable, caught: Collection[signal.Signals] = SIGNALS
) -> Iterator[None]:
    """Let signals drain and stop `run` inside the context; only in the main thread.

    Afterwards each has the handler that it had before. Handlers of the event loop cannot be put
    back: those signals have Python's own handler then.
    """
    loop = asyncio.get_running_loop()
    received = 0

    def handle(number: signal.Signals) -> None:
        nonlocal received
        if received and number in _NEVER_STOP:
            return
        received += 1
        if received == 1:
            log.info("%s: draining; send it once more to stop at once", number.name)
            run.drain()
        else:
            log.warning("%s again: stopping now", number.name)
            run.stop()

    # A handler of the loop cannot be read, so it cannot be put back; one of Python can.
    of_loop = [number for number in caught if _remove(loop, number)]
    before = {number: signal.getsignal(number) for number in caught if number not in of_loop}
    for number in caught:
        _add(loop, number, handle)
    try:
        yield
    finally:
        for number in caught:
            _remove(loop, number)
            if (handler := before.get(number)) is not None:
                signal.signal(number, handler)


def _add(
    loop: asyncio.AbstractEventLoop,
    number: signal.Signals,
    handle: Callable[[signal.Signals], None],
) -> None:
    try:
        loop.add_signal_handler(number, handle, number)
    except NotImplementedError:  # the loops of Windows; Python itself handles signals there
        signal.signal(
            number, lambda caught, _: loop.call_soon_threadsafe(handle, signal.Signals(caught))
        )


def _remove(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> bool:
    """Take the loop's handler away; True if it had one."""
    try:
        return loop.remove_signal_handler(number)
    except NotImplementedError:  # the loops of Windows
        return False


def free_signals() -> list[signal.Signals]:
    """The signals that only Python itself handles; none outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in SIGNALS if _is_pythons(signal.getsignal(number))]


def _is_pythons(handler: Any) -> bool:
    # `asyncio.run` has put its own handler in the place of Python's, so that Ctrl-C cancels the
    # main task. Nobody who writes a program has chosen that one, but it can only be told from a
    # chosen one by what it is: a partial of a method of the runner.
    if isinstance(handler, functools.partial):
        return isinstance(getattr(handler.func, "__self__", None), asyncio.Runner)
    return handler in (signal.SIG_DFL, signal.default_int_handler)

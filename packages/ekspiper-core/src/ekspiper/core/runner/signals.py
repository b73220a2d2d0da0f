"""The first SIGINT or SIGTERM drains a run, the second stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from .run import Run

__all__ = ["draining_on_signals"]

log = logging.getLogger("ekspiper")


@contextmanager
def draining_on_signals(run: Run) -> Iterator[None]:
    """Handle both signals inside the context; only in the main thread."""
    loop = asyncio.get_running_loop()
    received = 0

    def handle(name: str) -> None:
        nonlocal received
        received += 1
        if received == 1:
            log.info("%s: draining; once more to stop at once", name)
            run.drain()
        else:
            log.warning("%s again: stopping now", name)
            run.stop()

    caught = (signal.SIGINT, signal.SIGTERM)
    for number in caught:
        loop.add_signal_handler(number, handle, number.name)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)

"""Says when a sink or a step begins to fail, and when it works again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ekspiper.core import Run

__all__ = ["FailureWatch", "watching_failures"]

log = logging.getLogger("ekspiper")

_LOOK_EVERY = 0.5
_SAY_AGAIN = 60.0
_STEP_PATIENCE = 5.0
"""Steps ask nodes, of which one or another is always busy for a moment."""


class FailureWatch:
    """Turns what fails now into log lines: one at the start, one a minute, one at the end.

    The runner tries again and again, many times a second; that is not worth a line each time.

    Args:
        patience: what fails for fewer seconds is not worth a line either.
    """

    def __init__(self, *, patience: float = 0.0) -> None:
        self._patience = patience
        self._since: dict[str, float] = {}
        self._said: dict[str, tuple[str, float]] = {}

    def look(self, failing: Mapping[str, str | None], now: float) -> None:
        """Note what each place fails with at the time `now`, in seconds; None: it does not."""
        for place, reason in failing.items():
            if reason is None:
                self._works(place, now)
            else:
                self._fails(place, reason, now)

    def _fails(self, place: str, reason: str, now: float) -> None:
        if now - self._since.setdefault(place, now) < self._patience:
            return
        said, at = self._said.get(place, ("", float("-inf")))
        if reason != said or now - at >= _SAY_AGAIN:
            self._said[place] = (reason, now)
            log.warning("%s is failing: %s; trying again", place, reason)

    def _works(self, place: str, now: float) -> None:
        since = self._since.pop(place, None)
        if since is not None and self._said.pop(place, None) is not None:
            log.info("%s works again after %.1f s", place, now - since)


@contextmanager
def watching_failures(run: Run) -> Iterator[None]:
    """Watch the sinks and the steps of `run` for as long as the context lasts."""
    task = asyncio.create_task(_watch(run))
    try:
        yield
    finally:
        task.cancel()


async def _watch(run: Run) -> None:
    sinks, steps = FailureWatch(), FailureWatch(patience=_STEP_PATIENCE)
    while True:
        parts, now = run.statistics(), time.monotonic()
        sinks.look({place: each.failing for place, each in parts.collectors.items()}, now)
        steps.look({place: each.failing for place, each in parts.steps.items()}, now)
        await asyncio.sleep(_LOOK_EVERY)

"""Says when a sink begins to fail, and when it takes records again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ekspiper.core import Run

__all__ = ["SinkWatch", "watching_sinks"]

log = logging.getLogger("ekspiper")

_LOOK_EVERY = 0.5
_SAY_AGAIN = 60.0


class SinkWatch:
    """Turns what sinks fail with now into log lines: one at the start, one a minute, one at the end.

    The runner tries again and again, many times a second; that is not worth a line each time.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._said: dict[str, tuple[str, float]] = {}

    def look(self, failing: Mapping[str, str | None], now: float) -> None:
        """Note what each sink fails with at the time `now`, in seconds; None: it does not."""
        for place, reason in failing.items():
            if reason is None:
                self._works(place, now)
            else:
                self._fails(place, reason, now)

    def _fails(self, place: str, reason: str, now: float) -> None:
        self._since.setdefault(place, now)
        said, at = self._said.get(place, ("", float("-inf")))
        if reason != said or now - at >= _SAY_AGAIN:
            self._said[place] = (reason, now)
            log.warning("%s is failing: %s; trying again", place, reason)

    def _works(self, place: str, now: float) -> None:
        since = self._since.pop(place, None)
        if since is not None:
            del self._said[place]
            log.info("%s takes records again after %.1f s", place, now - since)


@contextmanager
def watching_sinks(run: Run) -> Iterator[None]:
    """Watch the sinks of `run` for as long as the context lasts."""
    task = asyncio.create_task(_watch(run))
    try:
        yield
    finally:
        task.cancel()


async def _watch(run: Run) -> None:
    watch = SinkWatch()
    while True:
        collectors = run.statistics().collectors
        failing = {place: collector.failing for place, collector in collectors.items()}
        watch.look(failing, time.monotonic())
        await asyncio.sleep(_LOOK_EVERY)

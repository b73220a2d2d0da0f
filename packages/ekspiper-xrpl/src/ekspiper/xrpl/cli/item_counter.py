"""A counter for work whose length is not known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ekspiper.core import Run

__all__ = ["item_counter"]

log = logging.getLogger("ekspiper")

_IN_LOG = 10.0


@contextmanager
def item_counter(run: Run, place: str, console: Console) -> Iterator[None]:
    """Show how many outputs the step at `place` has made, and at what rate.

    On anything but a terminal it is a log line every ten seconds.
    """
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as shown:
            task = asyncio.create_task(_draw(run, place, shown))
            try:
                yield
            finally:
                task.cancel()
        return
    task = asyncio.create_task(_log(run, place))
    try:
        yield
    finally:
        task.cancel()


async def _draw(run: Run, place: str, shown: Progress) -> None:
    task = shown.add_task("")
    while True:
        shown.update(task, description=_line(run, place))
        await asyncio.sleep(0.25)


async def _log(run: Run, place: str) -> None:
    while True:
        await asyncio.sleep(_IN_LOG)
        log.info("%s", _line(run, place))


def _line(run: Run, place: str) -> str:
    statistics = run.statistics()
    step = statistics.steps.get(place)
    made = step.items_out if step else 0
    rate = made / statistics.seconds if statistics.seconds else 0.0
    return f"{made:,} records, {rate:,.0f}/s"

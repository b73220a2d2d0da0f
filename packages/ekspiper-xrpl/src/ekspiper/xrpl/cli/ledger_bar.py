"""A progress bar over a known number of ledgers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ekspiper.core import Run

__all__ = ["ledger_bar"]

log = logging.getLogger("ekspiper")

_IN_LOG = 10.0


@contextmanager
def ledger_bar(run: Run, total: int, console: Console) -> Iterator[None]:
    """Show how many of `total` source items are kept, at what rate, and the time left.

    On anything but a terminal it is a log line every ten seconds.
    """
    if not console.is_terminal:
        task = asyncio.create_task(_log(run, total))
        try:
            yield
        finally:
            task.cancel()
        return
    columns = (
        TextColumn("ledgers"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = asyncio.create_task(_draw(run, total, bar))
        try:
            yield
        finally:
            task.cancel()


async def _draw(run: Run, total: int, bar: Progress) -> None:
    shown = bar.add_task("ledgers", total=total, rate=0.0)
    while True:
        done, rate = _done(run)
        bar.update(shown, completed=done, rate=rate)
        await asyncio.sleep(0.25)


async def _log(run: Run, total: int) -> None:
    while True:
        await asyncio.sleep(_IN_LOG)
        done, rate = _done(run)
        left = f", {(total - done) / rate:,.0f} s left" if rate else ""
        log.info("%s of %s ledgers, %.0f/s%s", f"{done:,}", f"{total:,}", rate, left)


def _done(run: Run) -> tuple[int, float]:
    statistics = run.statistics()
    done = sum(source.kept + source.dead_lettered for source in statistics.sources.values())
    return done, done / statistics.seconds if statistics.seconds else 0.0

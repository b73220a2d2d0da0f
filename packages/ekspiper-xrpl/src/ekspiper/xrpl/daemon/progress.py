"""Shows a running daemon: a live table on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ekspiper.core import Run, Statistics

__all__ = ["Progress", "Rates"]

log = logging.getLogger("ekspiper")

_ON_TERMINAL = 0.25
_IN_LOG = 10.0

LEDGERS = "ledger-details/ledger-details"
TRANSACTIONS = "transaction-record/etl"
BOOKS = "book-offers-record/fetch-book-offers"


class Rates:
    """Transactions a second, over the last few seconds."""

    def __init__(self, *, over: float = 5.0) -> None:
        self._over = over
        self._samples: list[tuple[float, int]] = []

    def add(self, now: float, total: int) -> float:
        """Note the total at a time in seconds; the rate since the oldest sample kept."""
        self._samples.append((now, total))
        while len(self._samples) > 2 and now - self._samples[0][0] > self._over:
            self._samples.pop(0)
        began, before = self._samples[0]
        return (total - before) / (now - began) if now > began else 0.0


class Progress:
    """Shows a run while it lasts.

    Args:
        console: where to; a live table if that is a terminal, log lines otherwise.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rates = Rates()

    @contextmanager
    def watching(self, run: Run) -> Iterator[None]:
        """Show `run` for as long as the context lasts."""
        if not self._console.is_terminal:
            task = asyncio.create_task(self._log(run))
            try:
                yield
            finally:
                task.cancel()
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            task = asyncio.create_task(self._draw(run, live))
            try:
                yield
            finally:
                task.cancel()

    async def _draw(self, run: Run, live: Live) -> None:
        while True:
            live.update(self.table(run.statistics(), draining=run.draining))
            await asyncio.sleep(_ON_TERMINAL)

    async def _log(self, run: Run) -> None:
        while True:
            await asyncio.sleep(_IN_LOG)
            log.info("%s", self.line(run.statistics()))

    def table(self, statistics: Statistics, *, draining: bool = False) -> Table:
        """The live table."""
        rate = self._rate(statistics)
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="dim")
        table.add_column()
        table.add_row("ledger", f"{_ledger(statistics)}" + ("  draining" if draining else ""))
        table.add_row("transactions", f"{_made(statistics, TRANSACTIONS):,}  ({rate:,.0f}/s)")
        table.add_row("order books", f"{_made(statistics, BOOKS):,}")
        table.add_row("lag", _lag(statistics))
        for name, queue in statistics.queues.items():
            filled = round(20 * queue.items / queue.max_items)
            bar = "█" * filled + "·" * (20 - filled)
            table.add_row(name, f"{bar} {queue.items:,} of {queue.max_items:,}")
        for place, reason in statistics.failing.items():
            table.add_row(f"[red]{place}", f"[red]{reason}")
        return table

    def line(self, statistics: Statistics) -> str:
        """The log line."""
        waiting = sum(queue.items for queue in statistics.queues.values())
        return (
            f"ledger {_ledger(statistics)}, {_made(statistics, TRANSACTIONS):,} transactions "
            f"({self._rate(statistics):,.0f}/s), {_made(statistics, BOOKS):,} order books, "
            f"lag {_lag(statistics)}, {waiting:,} items in queues"
        )

    def _rate(self, statistics: Statistics) -> float:
        return self._rates.add(time.monotonic(), _made(statistics, TRANSACTIONS))


def _made(statistics: Statistics, place: str) -> int:
    step = statistics.steps.get(place)
    return step.items_out if step else 0


def _ledger(statistics: Statistics) -> str:
    for source in statistics.sources.values():
        if source.position is not None:
            return f"{source.position} ({source.kept:,} kept of {source.read:,} read)"
    return "none yet"


def _lag(statistics: Statistics) -> str:
    lags = [each.lag for each in statistics.sources.values() if each.lag is not None]
    return f"{max(lags):,.1f} s" if lags else "unknown"

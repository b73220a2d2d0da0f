"""How a run is shown while it works: one line on a terminal, a line of the log elsewhere.

Ledgers ━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━ 94/120 · 1,373 tx/s · 2 s left
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ekspiper.core import Run, Statistics

from ._logs import console, is_terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ekspiper.xrpl.cluster import ClusterProgress

__all__ = [
    "DaemonProgress",
    "Rate",
    "View",
    "counting_chunks",
    "counting_ledgers",
    "counting_records",
    "showing",
]

log = logging.getLogger("ekspiper")

# A bar moves smoothly enough, and drawing it costs a few milliseconds each time.
_ON_TERMINAL = 0.25
# A log is kept, so a line must be worth its place.
_IN_LOG = 10.0
# Seconds left of which minutes say enough.
_LONG = 3600.0
# Seconds behind that say nothing any more: a recording, or a catch-up of days.
_OLD = 86_400.0

_TRANSACTIONS = "transaction-record/etl"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown of a run at one moment.

    Attributes:
        what: is being counted, for example "Ledgers".
        done: how many of them are kept.
        total: how many there will be; None: nobody knows.
        facts: what else there is to say, in a few words each.
        failing: what fails now and why, by place.
        queues: how full each queue is: items and limit, by name.
        ledger: the ledger that it is about, for logs as JSON.
    """

    what: str
    done: int
    total: int | None = None
    facts: tuple[str, ...] = ()
    failing: dict[str, str] = field(default_factory=dict)
    queues: dict[str, tuple[int, int]] = field(default_factory=dict)
    ledger: int | None = None

    def __str__(self) -> str:
        """The line of the log."""
        count = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        return " · ".join((f"{self.what} {count}", *self.facts, *self.trouble()))

    def trouble(self) -> list[str]:
        """What fails, in words: one sink that fails for one reason at several places is said once."""
        places: dict[tuple[str, str], list[str]] = {}
        for place, reason in self.failing.items():
            # A collector of several kinds of records stands at several places, and fails at all of
            # them.
            places.setdefault((place.rpartition("/")[2], reason), []).append(place)
        return [
            f"{found[0] if len(found) == 1 else f'{name} (at {len(found)} places)'} is failing: {reason}"
            for (name, reason), found in places.items()
        ]


class Rate:
    """How many a second, over the last few seconds."""

    def __init__(self, *, over: float = 5.0) -> None:
        self._over = over
        self._samples: list[tuple[float, int]] = []

    def add(self, now: float, total: int) -> float:
        """Note the total at a time in seconds; the rate since the oldest sample kept."""
        self._samples.append((now, total))
        # Two at least, or a run that is looked at rarely would have no rate.
        while len(self._samples) > 2 and now - self._samples[0][0] > self._over:
            self._samples.pop(0)
        began, before = self._samples[0]
        return (total - before) / (now - began) if now > began else 0.0


@contextmanager
def showing(run: Run, view: Callable[[Statistics], View]) -> Iterator[None]:
    """Show `run` for as long as the context lasts.

    On anything but a terminal it is a log line every ten seconds.
    """
    with _looking(lambda: view(run.statistics())):
        yield


@contextmanager
def _looking(look: Callable[[], View]) -> Iterator[None]:
    if not is_terminal():
        # Also without a terminal something is shown now and then: a journal without lines looks
        # like a daemon that hangs.
        task = asyncio.create_task(_log(look))
        try:
            yield
        finally:
            task.cancel()
        return
    from rich.live import Live

    # Without its own thread, which would draw while the loop is busy and slow it down. It is
    # gone at the end, when the report takes its place.
    with Live(console=console(), auto_refresh=False, transient=True) as live:

        async def draw() -> None:
            while True:
                live.update(_drawn(look()), refresh=True)
                await asyncio.sleep(_ON_TERMINAL)

        task = asyncio.create_task(draw())
        try:
            yield
        finally:
            task.cancel()


class DaemonProgress:
    """How the daemon is shown.

    Args:
        queues: show how full each queue is, to find the slow part.
    """

    def __init__(self, *, queues: bool = False) -> None:
        self._queues = queues

    @contextmanager
    def watching(
        self, run: Run, *, first: int | None, last: int | None, is_recording: bool
    ) -> Iterator[None]:
        """Show `run` for as long as the context lasts.

        Args:
            first: the first ledger it reads, where that is known.
            last: the ledger it ends with; None: it follows the network.
            is_recording: its ledgers are old, so their age says nothing.
        """
        total = last - first + 1 if first is not None and last is not None else None
        follow = _Following(total=total, shows_lag=not is_recording, shows_queues=self._queues)
        with showing(run, lambda statistics: follow.view(statistics, is_draining=run.draining)):
            yield


@contextmanager
def counting_ledgers(run: Run, total: int) -> Iterator[None]:
    """Show how many of `total` ledgers are kept, at what rate, and the time left."""
    ledgers, transactions = Rate(), Rate()

    def view(statistics: Statistics) -> View:
        done = sum(each.kept + each.dead_lettered for each in statistics.sources.values())
        # A dead letter counts as done here: otherwise the bar would never reach its end.
        rate = ledgers.add(time.monotonic(), done)
        # Ledgers differ in size, so transactions say more about the speed; old ones may have none.
        facts = _transactions(statistics, transactions) or _each_second(rate, "ledgers")
        left = _left(total - done, rate)
        return View(
            what="Ledgers",
            done=done,
            total=total,
            facts=(*facts, *left),
            failing=statistics.failing,
        )

    with showing(run, view):
        yield


@contextmanager
def counting_chunks(
    progress: ClusterProgress, *, what: str = "Ledgers", records: str = "tx", piece: str = "chunk"
) -> Iterator[None]:
    """Show how many ledgers are in place, at what rate, the time left, and chunks that failed.

    Args:
        progress: is looked at from time to time.
        what, records, piece: what to call what is counted, its records, and its pieces.
    """
    # Chunks end together, and seldom: a rate over seconds would jump from nothing to too much.
    ledgers, transactions = Rate(over=120.0), Rate(over=120.0)

    def look() -> View:
        now = time.monotonic()
        rate = ledgers.add(now, progress.done)
        made = transactions.add(now, progress.transactions)
        chunks = f"{piece} {progress.chunks_done:,} of {progress.chunks:,}"
        return View(
            what=what,
            done=progress.done,
            total=progress.total,
            facts=(
                chunks,
                *_each_second(made, records),
                *_left(progress.total - progress.done, rate),
            ),
            failing={f"{piece} {chunk}": why for chunk, why in progress.failed.items()},
        )

    with _looking(look):
        yield


@contextmanager
def counting_records(run: Run, place: str) -> Iterator[None]:
    """Show how many outputs the step at `place` has made; nobody knows how many there will be."""
    rate = Rate()

    def view(statistics: Statistics) -> View:
        step = statistics.steps.get(place)
        made = step.items_out if step else 0
        each_second = rate.add(time.monotonic(), made)
        return View(
            what="Records",
            done=made,
            facts=_each_second(each_second, "records"),
            failing=statistics.failing,
        )

    with showing(run, view):
        yield


class _Following:
    """What a daemon shows, from one look at it to the next."""

    def __init__(self, *, total: int | None, shows_lag: bool, shows_queues: bool) -> None:
        self._total = total
        self._shows_lag = shows_lag
        self._shows_queues = shows_queues
        self._ledgers = Rate()
        self._transactions = Rate()

    def view(self, statistics: Statistics, *, is_draining: bool = False) -> View:
        source = next(iter(statistics.sources.values()), None)
        done = source.kept + source.dead_lettered if source is not None else 0
        # Before anything is kept, the checkpoint's position is the ledger before the first.
        newest = source.position if source is not None and done else None
        rate = self._ledgers.add(time.monotonic(), done)
        facts = [f"newest {newest:,}"] if newest is not None and self._total is None else []
        facts += _transactions(statistics, self._transactions)
        if is_draining:
            facts.append("draining")
        elif self._total is not None:
            facts += _left(self._total - done, rate)
        elif source is not None and self._shows_lag and source.lag is not None:
            facts += _behind(source.lag)
        queues = statistics.queues if self._shows_queues else {}
        return View(
            what="Ledgers",
            done=done,
            total=self._total,
            facts=tuple(facts),
            failing=statistics.failing,
            queues={name: (each.items, each.max_items) for name, each in queues.items()},
            ledger=newest,
        )


def _transactions(statistics: Statistics, rate: Rate) -> tuple[str, ...]:
    step = statistics.steps.get(_TRANSACTIONS)
    return () if step is None else _each_second(rate.add(time.monotonic(), step.items_out), "tx")


def _each_second(rate: float, what: str) -> tuple[str, ...]:
    return (f"{rate:,.0f} {what}/s",) if rate else ()


def _left(count: int, rate: float) -> tuple[str, ...]:
    if not rate or count <= 0:
        return ()
    seconds = count / rate
    # Seconds to the end of an hour, as a bar that moves only each minute looks stuck.
    if seconds < _LONG:
        return (f"{seconds:,.0f} s left",)
    return (f"{seconds / 3600:,.0f} h {seconds % 3600 / 60:.0f} min left",)


def _behind(seconds: float) -> tuple[str, ...]:
    return (f"{seconds:,.0f} s behind",) if seconds < _OLD else ()


async def _log(look: Callable[[], View]) -> None:
    while True:
        await asyncio.sleep(_IN_LOG)
        seen = look()
        log.info("%s", seen, extra={"ledger": seen.ledger})


def _drawn(view: View) -> RenderableType:
    """One line, and one more for each thing that fails."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    count = f"{view.done:,}" if view.total is None else f"{view.done:,}/{view.total:,}"
    line = Table.grid(padding=(0, 1), expand=view.total is not None)
    line.add_column(no_wrap=True)
    cells: list[RenderableType] = [Text(view.what)]
    if view.total is not None:
        line.add_column(ratio=1)
        cells.append(ProgressBar(total=max(1, view.total), completed=view.done))
    line.add_column(no_wrap=True)
    cells.append(Text(" · ".join((count, *view.facts))))
    line.add_row(*cells)
    failing = [
        Text(trouble, style="red", overflow="ellipsis", no_wrap=True) for trouble in view.trouble()
    ]
    queues = Table.grid(padding=(0, 1))
    for name, (items, limit) in view.queues.items():
        bar = ProgressBar(total=max(1, limit), completed=items, width=20)
        queues.add_row(Text(f"  {name}", style="dim"), bar, Text(f"{items:,} of {limit:,}"))
    return Group(line, *failing, *([queues] if view.queues else []))

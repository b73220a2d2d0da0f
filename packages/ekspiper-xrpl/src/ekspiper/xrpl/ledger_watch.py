"""Says when a ledger is waited for that no node serves, and measures for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ekspiper.core import Instruments, Metric, Reminder
from ekspiper.xrpl.client import LedgerSet, NodePool

__all__ = ["LATE", "LEDGER_WAIT_METRIC", "LedgerWatch", "late_ledgers", "watching_ledgers"]

log = logging.getLogger("ekspiper")

LEDGER_WAIT_METRIC = Metric(
    "ekspiper_ledger_wait_seconds",
    "gauge",
    (),
    "seconds",
    "Time that no node has served a ledger that is waited for; 0 when none is waited for",
)

LATE = 10.0
"""Seconds that a node may take to serve a ledger that it has announced: nothing is said before."""

# Often enough for a metric that Prometheus reads every few seconds, and cheap.
_LOOK_EVERY = 0.5


class LedgerWatch:
    """Turns the ledgers that are late into log lines: at the start, once a minute, at the end.

    Args:
        timeout: seconds after which a ledger is given up.
    """

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._reminder = Reminder()
        self._late = LedgerSet()

    def look(self, missing: Mapping[int, float], *, held: str, now: float) -> None:
        """Note what is missing at the time `now`, in seconds.

        Args:
            missing: how long each ledger that no node serves has been waited for, in seconds.
            held: what the nodes say they hold.
        """
        late = late_ledgers(missing)
        # The ledgers and the seconds change all the time: the line is about the same problem.
        if late and self._reminder.is_due("late", now):
            log.warning(
                "no node serves ledger %s, for %.0f s now: the ledgers after it wait; "
                "it becomes a dead letter after %g s; %s",
                late,
                max(missing.values()),
                self._timeout,
                held,
                extra={"ledger": min(missing)},
            )
        elif self._late and not late:
            self._reminder.forget()
            log.info("ledger %s was served, or given up", self._late)
        self._late = late


def late_ledgers(missing: Mapping[int, float]) -> LedgerSet:
    """Those that have been waited for long enough to report."""
    return LedgerSet.of((index, index) for index, waited in missing.items() if waited >= LATE)


@contextmanager
def watching_ledgers(pool: NodePool, instruments: Instruments, *, timeout: float) -> Iterator[None]:
    """Watch the ledgers that `pool` is asked for, for as long as the context lasts."""
    task = asyncio.create_task(_watch(pool, instruments, LedgerWatch(timeout=timeout)))
    try:
        yield
    finally:
        task.cancel()


async def _watch(pool: NodePool, instruments: Instruments, watch: LedgerWatch) -> None:
    gauge = instruments.instrument(LEDGER_WAIT_METRIC)
    clock = asyncio.get_running_loop().time
    while True:
        missing = pool.missing_ledgers
        # What each node holds tells the operator at once whether another node would help.
        held = "; ".join(f"{node.url} holds {node.ledgers}" for node in pool.nodes())
        watch.look(missing, held=held, now=clock())
        gauge.record(max(missing.values(), default=0.0))
        await asyncio.sleep(_LOOK_EVERY)

"""Publishes the statistics of a run to the instruments, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from ..instruments import METRICS, Instrument, Instruments
from .report import CollectorStatistics, Statistics, StepStatistics

__all__ = ["Publisher", "readings"]

_EVERY = 1.0

Reading = tuple[str, Mapping[str, str], float]


class Publisher:
    """Turns totals into the increments of counters, and sets gauges."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._known: dict[tuple[str, ...], Instrument] = {}
        self._last: dict[tuple[str, ...], float] = {}

    def publish(self, statistics: Statistics) -> None:
        """Record what has changed since the last time."""
        # Two steps of a flow may have collectors of one name: they count together.
        totals: dict[tuple[str, ...], float] = {}
        for name, labels, value in readings(statistics):
            key = (name, *labels.values())
            totals[key] = totals.get(key, 0.0) + value
            if key not in self._known:
                self._known[key] = self._instruments.instrument(METRICS[name], **labels)
        for key, value in totals.items():
            metric = METRICS[key[0]]
            if metric.kind == "counter":  # statistics are totals, instruments take increments
                value, self._last[key] = value - self._last.get(key, 0.0), value
                if value <= 0:
                    continue
            self._known[key].record(value)

    async def run(self, statistics: Callable[[], Statistics]) -> None:
        """Publish until cancelled."""
        while True:
            self.publish(statistics())
            await asyncio.sleep(_EVERY)


def readings(statistics: Statistics) -> Iterator[Reading]:
    """Every number of `statistics` as metric name, labels and value."""
    for flow, source in statistics.sources.items():
        labels = {"flow": flow}
        yield "ekspiper_source_items_total", labels, source.read
        settled = source.kept + source.dead_lettered + source.dropped
        yield "ekspiper_open_receipts", labels, source.read - settled
        if source.lag is not None:
            yield "ekspiper_source_lag_seconds", labels, source.lag
        if isinstance(source.position, int | float):
            yield "ekspiper_checkpoint_position", labels, source.position
    for place, step in statistics.steps.items():
        labels = dict(zip(("flow", "step"), place.split("/", 1), strict=True))
        yield "ekspiper_items_in_total", labels, step.items_in
        yield "ekspiper_items_out_total", labels, step.items_out
        yield "ekspiper_bytes_in_total", labels, step.bytes_in
        yield "ekspiper_bytes_out_total", labels, step.bytes_out
        yield "ekspiper_head_of_line_seconds_total", labels, step.head_of_line
        yield from _mishaps({**labels, "collector": ""}, step)
    for place, collector in statistics.collectors.items():
        flow, step_name, name = place.split("/", 2)
        labels = {"flow": flow, "collector": name}
        blame = {"flow": flow, "step": step_name, "collector": name}
        yield "ekspiper_kept_items_total", labels, collector.items
        yield "ekspiper_kept_bytes_total", labels, collector.bytes
        yield from _mishaps(blame, collector)
        yield "ekspiper_collector_failing", blame, collector.problem is not None
        yield "ekspiper_collector_busy_seconds", blame, collector.busy
        if collector.lag is not None:
            yield "ekspiper_kept_lag_seconds", blame, collector.lag
    letters = statistics.run_failing.get("the dead-letter collector")
    nowhere = {"flow": "", "step": "", "collector": "dead letters"}
    yield "ekspiper_collector_failing", nowhere, letters is not None
    for name, queue in statistics.queues.items():
        labels = {"queue": name}
        yield "ekspiper_queue_items", labels, queue.items
        yield "ekspiper_queue_items_limit", labels, queue.max_items
        yield "ekspiper_queue_bytes", labels, queue.bytes
        yield "ekspiper_queue_bytes_limit", labels, queue.max_bytes
    yield "ekspiper_checkpoints_total", {}, statistics.checkpoints


def _mishaps(
    labels: Mapping[str, str], part: StepStatistics | CollectorStatistics
) -> Iterator[Reading]:
    yield "ekspiper_retries_total", labels, part.retries
    yield "ekspiper_dead_letters_total", labels, part.dead_letters
    yield "ekspiper_dropped_total", labels, part.dropped

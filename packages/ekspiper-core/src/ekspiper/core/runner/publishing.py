"""Publishes the statistics of a run to the instruments, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from ..instruments import METRICS, Instrument, Instruments
from .report import Statistics

__all__ = ["Publisher", "readings"]

_EVERY = 1.0

Reading = tuple[str, Mapping[str, str], float]


class Publisher:
    """Turns totals into counter increments, and levels into gauges."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._known: dict[tuple[str, ...], Instrument] = {}
        self._last: dict[tuple[str, ...], float] = {}

    def publish(self, statistics: Statistics) -> None:
        """Record what has changed since the last time."""
        for name, labels, value in readings(statistics):
            key = (name, *labels.values())
            metric = METRICS[name]
            if key not in self._known:
                self._known[key] = self._instruments.instrument(metric, **labels)
            if metric.kind == "counter":
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
        yield "ekspiper_retries_total", labels, step.retries
        yield "ekspiper_dead_letters_total", labels, step.dead_letters
        yield "ekspiper_dropped_total", labels, step.dropped
        yield "ekspiper_head_of_line_seconds_total", labels, step.head_of_line
    for place, collector in statistics.collectors.items():
        flow, _, name = place.split("/", 2)
        labels = {"flow": flow, "collector": name}
        yield "ekspiper_kept_items_total", labels, collector.items
        yield "ekspiper_kept_bytes_total", labels, collector.bytes
    for name, queue in statistics.queues.items():
        labels = {"queue": name}
        yield "ekspiper_queue_items", labels, queue.items
        yield "ekspiper_queue_items_limit", labels, queue.max_items
        yield "ekspiper_queue_bytes", labels, queue.bytes
        yield "ekspiper_queue_bytes_limit", labels, queue.max_bytes
    yield "ekspiper_checkpoints_total", {}, statistics.checkpoints

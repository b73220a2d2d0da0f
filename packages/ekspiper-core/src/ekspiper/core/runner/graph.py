"""Lays the channels of a pipeline and puts a reader, worker or deliverer at each end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias, cast

from ..collector import Encoding
from ..flow import Delivery, Flow, Step
from ..instruments import METRICS, Instrument, Instruments, NoInstruments
from ..measure import Measure
from ..pipeline import Pipeline
from ..queue import Queue
from ..receipt import Receipt, Receipts
from ..source import Source
from ..tracing import Tracer
from .barrier import Barrier
from .channel import Channel
from .delivering import Deliverer
from .encoding import EncodingChannel
from .failing import Failures
from .fanning import Fan
from .keeping import Keeper
from .reading import SourceReader
from .step_worker import StepWorker
from .working import worker_for

__all__ = ["Graph"]

Refuse: TypeAlias = Callable[[Any, Receipt, Exception], Awaitable[None]]
"""Settles an item that failed for good, and counts it."""

_ROOM = 64
"""Items that wait inside a flow, at least: between its source and its steps, and its collectors."""

_BYTES = 64 * 1024 * 1024


class Graph:
    """The runtime parts of one run.

    Args:
        must_move: whether every item of a source must have a position of its own.
        on_barrier: called with the reader and each of its barriers that reached all ends.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        failures: Failures,
        instruments: Instruments,
        tracer: Tracer,
        *,
        barrier_every: int,
        must_move: bool,
        on_barrier: Callable[[SourceReader, Barrier], None],
    ) -> None:
        self.readers: dict[str, SourceReader] = {}
        self.workers: list[StepWorker] = []
        self.deliverers: list[Deliverer] = []
        self.fans: list[Fan] = []
        self.queues: dict[str, Channel] = {}
        self._failures = failures
        self._instruments = instruments
        self._measured = not isinstance(instruments, NoInstruments)
        self._tracer = tracer
        self._barrier_every = barrier_every
        self._must_move = must_move
        self._on_barrier = on_barrier
        self._flows = pipeline.flows
        self._locks = _locks_of_shared(pipeline.flows)
        for flow in pipeline.flows:
            if not isinstance(flow.source, Queue):
                self._plant(flow, flow.source)

    def _plant(self, flow: Flow, source: Source[Any]) -> None:
        """The tree of flows that a source feeds."""
        inlet = Channel(
            f"{flow.name}.source",
            max_items=max(map(_room, flow.steps)),
            max_bytes=_BYTES,
            measure=Measure(),
        )
        reader = SourceReader(
            flow.name,
            source,
            inlet,
            Receipts(watch=self._receipt_watch(flow.name)),
            barrier_every=self._barrier_every,
            must_move=self._must_move,
            on_barrier=lambda barrier: self._on_barrier(reader, barrier),
        )
        self.readers[flow.name] = reader
        reader.ends = self._grow(flow, inlet, reader)

    def _grow(self, flow: Flow, inlet: Channel, reader: SourceReader) -> int:
        """The steps of a flow and everything behind them; returns how many ends that has."""
        inlets = [inlet]
        if len(flow.steps) > 1:
            inlets = [
                Channel(
                    f"{flow.name}/{step.name}",
                    max_items=_room(step),
                    max_bytes=_BYTES,
                    measure=inlet.measure,
                )
                for step in flow.steps
            ]
            self.fans.append(Fan(inlet, inlets))
        return sum(
            self._grow_step(flow, step, own, reader)
            for step, own in zip(flow.steps, inlets, strict=True)
        )

    def _grow_step(self, flow: Flow, step: Step, inlet: Channel, reader: SourceReader) -> int:
        outlets = []
        ends = 0
        for collector in step.collectors:
            if isinstance(collector, Queue):
                channel = self._channel_of(collector)
                ends += self._grow(self._reader_of(collector), channel, reader)
            else:
                channel = self._deliver(flow, step, collector, reader)
                ends += 1
            outlets.append(channel)
        self.workers.append(
            worker_for(
                flow.name,
                step,
                inlet,
                outlets,
                self._failures,
                errors=self._errors(flow, step),
                tracer=self._tracer,
            )
        )
        return ends or 1

    def _deliver(self, flow: Flow, step: Step, delivery: Delivery, reader: SourceReader) -> Channel:
        channel = _channel_to(delivery, f"{flow.name}/{step.name}/{delivery.name}", _room(step))
        labels = {"flow": flow.name, "collector": delivery.name}
        keeper = Keeper(
            flow.name,
            step,
            delivery,
            self._failures,
            lock=self._locks.get(id(delivery.collector)),
            errors=self._errors(flow, step, delivery.name),
            tracer=self._tracer,
        )
        self.deliverers.append(
            Deliverer(
                flow.name,
                step,
                delivery,
                channel,
                keeper,
                reader=reader,
                batches=self._batches(labels),
                seconds=self._histogram("ekspiper_collect_seconds", labels),
            )
        )
        return channel

    def _channel_of(self, queue: Queue) -> Channel:
        channel = Channel(
            queue.name,
            max_items=queue.max_items,
            max_bytes=queue.max_bytes,
            measure=queue.measure or Measure(),
        )
        self.queues[queue.name] = channel
        return channel

    def _reader_of(self, queue: Queue) -> Flow:
        return next(flow for flow in self._flows if flow.source is queue)

    def _errors(self, flow: Flow, step: Step, collector: str = "") -> dict[str, Instrument]:
        metric = METRICS["ekspiper_errors_total"]
        place = {"flow": flow.name, "step": step.name, "collector": collector}
        return {
            kind: self._instruments.instrument(metric, **place, kind=kind)
            for kind in ("retryable", "throttled", "permanent")
        }

    def _batches(self, labels: dict[str, str]) -> dict[str, Instrument] | None:
        if not self._measured:
            return None
        metric = METRICS["ekspiper_batch_items"]
        return {
            trigger: self._instruments.instrument(metric, **labels, trigger=trigger)
            for trigger in ("count", "bytes", "period", "barrier", "end")
        }

    def _histogram(self, name: str, labels: dict[str, str]) -> Instrument | None:
        if not self._measured:
            return None
        return self._instruments.instrument(METRICS[name], **labels)

    def _receipt_watch(self, flow: str) -> Callable[[float], None] | None:
        histogram = self._histogram("ekspiper_receipt_seconds", {"flow": flow})
        return histogram.record if histogram is not None else None

    @property
    def places(self) -> dict[str, tuple[Channel, Refuse]]:
        """Where each step and each collector takes its items from, and how it refuses one."""
        steps = {worker.place: (worker.inlet, worker.refuse) for worker in self.workers}
        return steps | {each.place: (each.inlet, each.keeper.refuse) for each in self.deliverers}

    def tasks(self, readers: Iterable[Any]) -> list[Callable[[], Any]]:
        """What runs until the end of all `readers` has reached every collector."""
        parts = [*self.deliverers, *self.workers, *self.fans, *readers]
        return [cast("Any", part).run for part in parts]


def _room(step: Step) -> int:
    """Items that wait before or behind `step`: so many that all it does at once finds some."""
    return max(_ROOM, 2 * step.concurrency)


def _channel_to(delivery: Delivery, name: str, room: int) -> Channel:
    """The link to a collector: room for the next batch while it keeps one."""
    policy, collector = delivery.policy, delivery.collector
    max_items = max(2 * policy.count, room)
    max_bytes = max(2 * policy.bytes, 1024 * 1024)
    if isinstance(collector, Encoding):
        return EncodingChannel(
            name, max_items=max_items, max_bytes=max_bytes, encode=collector.encode
        )
    return Channel(name, max_items=max_items, max_bytes=max_bytes, measure=Measure())


def _locks_of_shared(flows: Iterable[Flow]) -> dict[int, asyncio.Lock]:
    """A lock for each collector that stands in more than one place."""
    places = Counter(
        id(each.collector)
        for flow in flows
        for step in flow.steps
        for each in step.collectors
        if isinstance(each, Delivery)
    )
    return {key: asyncio.Lock() for key, count in places.items() if count > 1}

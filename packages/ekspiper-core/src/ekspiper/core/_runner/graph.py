"""The parts of a run: the channels of the flows, and a reader, worker or deliverer at each end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast

from ..collector import Encoding
from ..flow import Delivery, Flow, Step, deliveries_of
from ..instruments import METRICS, Instrument, Instruments, NoInstruments, Tracer
from ..json_line import AsyncBlockProcessor, BlockProcessor, LineProcessor
from ..queue import Queue
from ..source import Source
from .barrier import Barrier
from .blocks import BlockChannel, BlockWorker, OrderedBlockWorker
from .channel import Channel, EncodingChannel, Fan, Outlet, ValueOutlet
from .concurrent_worker import OrderedWorker, UnorderedWorker
from .deliverer import Deliverer
from .failure_handler import FailureHandler
from .keeper import Keeper
from .measure import Measure
from .receipt import Receipt
from .source_reader import SourceReader
from .step_worker import OneByOneWorker, StepWorker

__all__ = ["Graph"]

Refuse: TypeAlias = Callable[[Any, Receipt, Exception], Awaitable[None]]
"""Settles an item that failed for good, and counts it."""

# At least this many items can wait inside a flow, before a step and before a collector.
_ROOM = 64

# The bound in bytes of links inside a flow, where no queue says another: that of a `Queue`.
_BYTES = 64 * 1024 * 1024


class Graph:
    """The runtime parts of one run.

    Args:
        must_move: whether every item of a source must have its own position.
        on_barrier: called with the reader and each of its barriers that reached all ends.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        failures: FailureHandler,
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
        self._flows = flows
        self._locks = _locks_of_shared(flows)
        for flow in flows:
            if not isinstance(flow.source, Queue):
                self._plant(flow, flow.source)

    def _plant(self, flow: Flow, source: Source[Any]) -> None:
        """The tree of flows that a source feeds.

        Each queue has one writer and one reader, so everything a source reaches is a tree, with
        the collectors as its ends.
        """
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
            ends=self._ends_of(flow),
            barrier_every=self._barrier_every,
            must_move=self._must_move,
            on_barrier=lambda barrier: self._on_barrier(reader, barrier),
            watch=self._receipt_watch(flow.name),
        )
        self.readers[flow.name] = reader
        self._grow(flow, inlet, reader)

    def _ends_of(self, flow: Flow) -> int:
        """In how many places its items end: its collectors, and those behind its queues."""
        # Counted before anything is built, as each barrier has to know how often it will arrive.
        ends = 0
        for step in flow.steps:
            for each in step.collectors:
                ends += self._ends_of(self._reader_of(each)) if isinstance(each, Queue) else 1
            ends += not step.collectors
        return ends

    def _grow(self, flow: Flow, inlet: Channel, reader: SourceReader) -> None:
        """The steps of a flow, and everything behind them."""
        # The only step of a flow reads the inlet itself: most flows have one, and need no copies.
        inlets = [inlet]
        if len(flow.steps) > 1:
            kind = BlockChannel if isinstance(inlet, BlockChannel) else Channel
            inlets = [
                kind(
                    f"{flow.name}/{step.name}",
                    max_items=_room(step),
                    max_bytes=_BYTES,
                    measure=inlet.measure,
                )
                for step in flow.steps
            ]
            self.fans.append(Fan(inlet, inlets))
        for step, own in zip(flow.steps, inlets, strict=True):
            self._grow_step(flow, step, own, reader)

    def _grow_step(self, flow: Flow, step: Step, inlet: Channel, reader: SourceReader) -> None:
        makes_lines, makes_blocks = _makes_lines(step), self._makes_blocks(step)
        outlets: list[Outlet] = []
        for collector in step.collectors:
            if isinstance(collector, Queue):
                channel = self._channel_of(collector)
                self._grow(self._reader_of(collector), channel, reader)
            else:
                channel = self._deliver(flow, step, collector, reader, in_blocks=makes_blocks)
            plain = (makes_lines or makes_blocks) and not _takes_lines(collector)
            # A channel of blocks gives their values by itself.
            plain = plain and not isinstance(channel, BlockChannel)
            outlets.append(ValueOutlet(channel) if plain else channel)
        self.workers.append(
            (_block_worker_kind(step) if makes_blocks else _worker_kind(step))(
                flow.name,
                step,
                inlet,
                outlets,
                self._failures,
                errors=self._errors(flow, step),
                tracer=self._tracer,
                makes_lines=makes_lines,
            )
        )

    def _deliver(
        self,
        flow: Flow,
        step: Step,
        delivery: Delivery,
        reader: SourceReader,
        *,
        in_blocks: bool,
    ) -> Channel:
        name = f"{flow.name}/{step.name}/{delivery.name}"
        in_blocks = in_blocks and self._takes_blocks(delivery)
        channel = _channel_to(delivery, name, _room(step), in_blocks=in_blocks)
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
        kind = BlockChannel if self._takes_blocks(queue) else Channel
        channel = kind(
            queue.name,
            max_items=queue.max_items,
            max_bytes=queue.max_bytes,
            measure=queue.measure or Measure(),
        )
        self.queues[queue.name] = channel
        return channel

    def _reader_of(self, queue: Queue) -> Flow:
        return next(flow for flow in self._flows if flow.source is queue)

    def _makes_blocks(self, step: Step) -> bool:
        """Whether the step gives blocks: it can, and somebody takes them."""
        # Where several items are at work at once, the order is that of items, not of blocks.
        if isinstance(step.processor, AsyncBlockProcessor):
            can = step.ordered
        else:
            can = isinstance(step.processor, BlockProcessor) and step.concurrency == 1
        return can and any(map(self._takes_blocks, step.collectors))

    def _takes_blocks(self, collector: Queue | Delivery) -> bool:
        """Whether blocks can go there: all who read a queue must take them, and hand on blocks."""
        if isinstance(collector, Delivery):
            return bool(getattr(collector.collector, "takes_blocks", False))
        steps = self._reader_of(collector).steps
        return all(
            getattr(step.processor, "takes_blocks", False) and self._makes_blocks(step)
            for step in steps
        )

    def _errors(self, flow: Flow, step: Step, collector: str = "") -> dict[str, Instrument]:
        metric = METRICS["ekspiper_errors_total"]
        place = {"flow": flow.name, "step": step.name, "collector": collector}
        return {
            kind: self._instruments.instrument(metric, **place, kind=kind)
            for kind in ("retryable", "throttled", "permanent")
        }

    def _batches(self, labels: dict[str, str]) -> dict[str, Instrument] | None:
        if not self._measured:  # not even a call that does nothing, for each batch
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
        steps = {worker.place: (worker.inlet, worker.failures.settle) for worker in self.workers}
        return steps | {
            each.place: (each.inlet, each.keeper.failures.settle) for each in self.deliverers
        }

    def tasks(self, readers: Iterable[Any]) -> list[Callable[[], Any]]:
        """What runs until the end mark of each of `readers` has reached every collector."""
        # Ends first: whatever is read finds everybody waiting for it.
        parts = [*self.deliverers, *self.workers, *self.fans, *readers]
        return [cast("Any", part).run for part in parts]


def _worker_kind(step: Step) -> type[StepWorker]:
    if step.concurrency == 1:
        return OneByOneWorker
    return OrderedWorker if step.ordered else UnorderedWorker


def _block_worker_kind(step: Step) -> type[StepWorker]:
    is_async = isinstance(step.processor, AsyncBlockProcessor)
    return OrderedBlockWorker if is_async else BlockWorker


def _room(step: Step) -> int:
    """Items that can wait before or behind `step`: enough for all that it does at once."""
    return max(_ROOM, 2 * step.concurrency)


def _channel_to(delivery: Delivery, name: str, room: int, *, in_blocks: bool) -> Channel:
    """The link to a collector: room for the next batch while it keeps one."""
    policy, collector = delivery.policy, delivery.collector
    # Twice a batch: the next one fills up while the collector keeps the one before.
    max_items = max(2 * policy.count, room)
    max_bytes = max(2 * policy.bytes, 1024 * 1024)
    encode = collector.encode if isinstance(collector, Encoding) else None
    if in_blocks:
        return BlockChannel(
            name,
            max_items=max_items,
            max_bytes=max_bytes,
            encode=encode,
            lines=True,
            most=policy.count,
        )
    if encode is not None:
        return EncodingChannel(name, max_items=max_items, max_bytes=max_bytes, encode=encode)
    return Channel(name, max_items=max_items, max_bytes=max_bytes, measure=Measure())


def _makes_lines(step: Step) -> bool:
    """Whether the step gives lines: it can, and somebody takes them."""
    return isinstance(step.processor, LineProcessor) and any(map(_takes_lines, step.collectors))


def _takes_lines(collector: Queue | Delivery) -> bool:
    if not isinstance(collector, Delivery):
        return False
    return bool(getattr(collector.collector, "takes_lines", False))


def _locks_of_shared(flows: Iterable[Flow]) -> dict[int, asyncio.Lock]:
    """A lock for each collector that stands in more than one place."""
    places = Counter(id(each.collector) for _, each in deliveries_of(flows))
    return {key: asyncio.Lock() for key, count in places.items() if count > 1}

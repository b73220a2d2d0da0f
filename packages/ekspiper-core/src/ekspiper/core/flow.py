"""A flow as a value: what it reads, what it does, and which collectors take the outcome."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ._diagram import fenced, mermaid
from ._wording import shown
from .collector import BatchPolicy, Collector
from .errors import PipelineError
from .processor import FunctionProcessor, Processor, processor
from .queue import Queue
from .retry import RetryPolicy
from .source import IterableSource, Source

__all__ = [
    "Delivery",
    "Flow",
    "OnError",
    "Step",
    "deliveries_of",
    "name_of",
    "refuse_no_collector",
    "refuse_slash",
    "shape_of",
]

OnError: TypeAlias = Literal["stop", "dead-letter", "skip"]


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One collector of a step, and how to serve it.

    Args:
        collector: takes the outputs.
        batch: bounds of a batch; by default the collector's own `batch_policy`, if it has one.
        retry: how long a failing collector is tried again; by default without end, so that a dead
            sink stops the source and nothing is lost.
        name: unique in its step; by default the collector's class name.
    """

    collector: Collector[Any]
    batch: BatchPolicy | None = None
    # Without end: while a sink is down nothing is lost, as the source waits.
    retry: RetryPolicy = field(default=RetryPolicy(elapsed=None), kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        refuse_no_collector(self.collector)
        if not self.name:
            object.__setattr__(self, "name", name_of(self.collector))
        refuse_slash("collector", self.name)

    @property
    def policy(self) -> BatchPolicy:
        """The bounds of a batch: those given here, or the collector's own, or the default."""
        own = getattr(self.collector, "batch_policy", None)
        return self.batch or (own if isinstance(own, BatchPolicy) else BatchPolicy())


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Step:
    """One processor and its collectors.

    Args:
        processor: turns an item into outputs; a plain function is wrapped by `processor`.
        collectors: queues, collectors, or collectors with their own `Delivery`.
        name: unique in its flow; by default the processor's class or function name.
        concurrency: how many items are processed at once.
        threads: call a plain function in `concurrency` threads, because it blocks: it reads a
            file, or waits for an answer. A call in a thread cannot be interrupted.
        ordered: hand outputs on in the order of the items, whichever finishes first.
        retry: how a `Retryable` or `Throttled` error of the processor is tried again.
        on_error: what happens to an item that fails for good, here or in a collector: `stop` the
            pipeline, keep it as a `dead-letter`, or `skip` it (the checkpoint then stays before
            it). By default `dead-letter` if the run has a dead-letter collector, otherwise `stop`.
        max_outputs: an item with more outputs than this is an error, which finds a processor that
            never stops yielding. The outputs of an item are handed on together, once it is
            processed, so a failed item leaves none behind.
    """

    processor: Processor[Any, Any]
    collectors: tuple[Queue | Delivery, ...] = field(default=(), kw_only=True)
    name: str = field(default="", kw_only=True)
    concurrency: int = field(default=1, kw_only=True)
    threads: bool = field(default=False, kw_only=True)
    ordered: bool = field(default=True, kw_only=True)
    retry: RetryPolicy = field(default=RetryPolicy(), kw_only=True)
    on_error: OnError | None = field(default=None, kw_only=True)
    # All outputs of an item are in memory together, so a generator without end must be stopped.
    max_outputs: int = field(default=100_000, kw_only=True)

    def __init__(
        self,
        processor: Processor[Any, Any] | Callable[[Any], Any],
        *,
        collectors: Iterable[Queue | Delivery | Collector[Any]] = (),
        name: str = "",
        concurrency: int = 1,
        threads: bool = False,
        ordered: bool = True,
        retry: RetryPolicy | None = None,
        on_error: OnError | None = None,
        max_outputs: int = 100_000,
    ) -> None:
        # The dataclass is frozen, and takes more than it stores: functions, lists, collectors.
        adopt = object.__setattr__
        worker = _as_processor(processor)
        if threads:
            worker = _in_threads(worker, concurrency, max_outputs)
        adopt(self, "processor", worker)
        adopt(self, "collectors", _as_deliveries(collectors))
        adopt(self, "name", name or name_of(self.processor))
        adopt(self, "concurrency", concurrency)
        adopt(self, "threads", threads)
        adopt(self, "ordered", ordered)
        adopt(self, "retry", retry or RetryPolicy())
        adopt(self, "on_error", on_error)
        adopt(self, "max_outputs", max_outputs)
        self._validate()

    def _validate(self) -> None:
        where = f"step {self.name!r}"
        refuse_slash("step", self.name)
        if self.concurrency < 1:
            raise PipelineError(f"{where}: concurrency must be at least 1, not {self.concurrency}")
        if self.max_outputs < 1:
            raise PipelineError(f"{where}: max_outputs must be at least 1, not {self.max_outputs}")
        if self.on_error not in (None, "stop", "dead-letter", "skip"):
            raise PipelineError(
                f"{where}: on_error is 'stop', 'dead-letter' or 'skip', not {self.on_error!r}"
            )
        # Metrics, logs and checkpoints know a collector by its place alone.
        names = [collector.name for collector in self.collectors]
        for name in names:
            if names.count(name) > 1:
                raise PipelineError(
                    f"{where}: two collectors are called {name!r}; name them: "
                    "Delivery(collector, name=...)"
                )


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Flow:
    """A name, a source and its steps. Every item goes through every step.

    Args:
        name: unique in the pipeline; used in metrics, logs, checkpoints and diagrams.
        source: a `Source`, a `Queue` that another flow writes to, or any (async) iterable.
        steps: what is done with each item; steps do not see the outputs of other steps.
    """

    name: str
    source: Source[Any] | Queue = field(kw_only=True)
    steps: tuple[Step, ...] = field(kw_only=True)

    def __init__(
        self,
        name: str,
        *,
        source: Source[Any] | Queue | Iterable[Any] | AsyncIterable[Any],
        steps: Iterable[Step],
    ) -> None:
        # Frozen as a step is, and for the same reason set this way.
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "source", _as_source(name, source))
        object.__setattr__(self, "steps", (steps,) if isinstance(steps, Step) else tuple(steps))
        self._validate()

    def _validate(self) -> None:
        if not self.name:
            raise PipelineError("a flow needs a name")
        refuse_slash("flow", self.name)
        if not self.steps:
            raise PipelineError(f"flow {self.name!r} has no steps")
        for step in self.steps:
            if not isinstance(step, Step):
                raise PipelineError(
                    f"flow {self.name!r}: {shown(step)} is not a step; write Step({name_of(step)})"
                )
        names = [step.name for step in self.steps]
        for step in self.steps:
            if names.count(step.name) > 1:
                raise PipelineError(
                    f"flow {self.name!r}: two steps are called {step.name!r}; give them names"
                )

    @property
    def source_name(self) -> str:
        """What its source is called: its own name, or that of its class."""
        return name_of(self.source)

    def _repr_markdown_(self) -> str:
        return fenced(mermaid((self,)))


def shape_of(flows: Iterable[Flow]) -> tuple[str, ...]:
    """Every place an item can reach, as `flow/step/collector`: a checkpoint is tied to it."""
    places = []
    for flow in flows:
        for step in flow.steps:
            place = f"{flow.name}/{step.name}"
            # A step without collectors is a place of its own: items end there.
            places += [f"{place}/{each.name}" for each in step.collectors] or [place]
    return tuple(places)


def deliveries_of(flows: Iterable[Flow]) -> Iterator[tuple[str, Delivery]]:
    """The collectors that are not queues, each with its place."""
    for flow in flows:
        for step in flow.steps:
            for each in step.collectors:
                if isinstance(each, Delivery):
                    yield f"{flow.name}/{step.name}/{each.name}", each


def name_of(component: object) -> str:
    """What a component without a given name is called: its own name, or that of its class."""
    # `name` first: a collector may say which of several it is, as a tag or a table.
    name = getattr(component, "name", None) or getattr(component, "__name__", None)
    return name if isinstance(name, str) else type(component).__name__


def refuse_no_collector(candidate: Any) -> None:
    """Raise `PipelineError` for something that is not a collector."""
    if isinstance(candidate, type):
        raise PipelineError(
            f"{candidate.__name__} is a class; make a collector: {_made(candidate)}"
        )
    if not callable(getattr(candidate, "collect", None)):
        raise PipelineError(
            f"{shown(candidate)} is not a collector: it has no method `async def collect(batch)`"
        )


def refuse_slash(what: str, name: str) -> None:
    """Raise `PipelineError` for a name that would make `flow/step/collector` ambiguous."""
    if "/" in name:
        raise PipelineError(f"a {what} cannot be called {name!r}: names have no slash")


def _as_processor(candidate: Any) -> Processor[Any, Any]:
    process = getattr(candidate, "process", None)
    if isinstance(candidate, type):
        name = candidate.__name__
        if process is not None:
            raise PipelineError(f"{name} is a class; make a processor: Step({_made(candidate)})")
        raise PipelineError(
            f"{name} is a class; to call it for each item, write Step(lambda item: {name}(item))"
        )
    # It could not be awaited, and the error would come with the first item and name neither cause
    # nor cure.
    if inspect.isgeneratorfunction(process) or inspect.isasyncgenfunction(process):
        raise PipelineError(
            f"the processor {shown(candidate)}: `process` yields; it must return its outputs, for "
            "example as a list. A function that yields is fine: decorate it with @processor"
        )
    if callable(process):
        return candidate  # type: ignore[no-any-return]
    if callable(candidate):
        return processor(candidate)
    raise PipelineError(
        f"{shown(candidate)} is not a processor: it is not a function, and has no method "
        "`async def process(item)`"
    )


def _in_threads(worker: Processor[Any, Any], threads: int, max_outputs: int) -> Processor[Any, Any]:
    function = worker.function if isinstance(worker, FunctionProcessor) else None
    if function is None or inspect.iscoroutinefunction(function):
        raise PipelineError(
            f"threads=True is for plain functions; {name_of(worker)} is async, and needs no threads"
        )
    return FunctionProcessor(function, threads=threads, max_outputs=max_outputs)


def _as_deliveries(
    collectors: Iterable[Queue | Delivery | Collector[Any]],
) -> tuple[Queue | Delivery, ...]:
    if isinstance(collectors, Queue | Delivery) or not isinstance(collectors, Iterable):
        raise PipelineError(
            f"collectors must be a tuple, even with one in it: ({name_of(collectors)},)"
        )
    return tuple(
        each if isinstance(each, Queue | Delivery) else Delivery(each) for each in collectors
    )


def _as_source(flow: str, candidate: Any) -> Source[Any] | Queue:
    if isinstance(candidate, Queue):
        return candidate
    # Both can be iterated, and nobody means that.
    if isinstance(candidate, str | bytes):
        one = "letter by letter" if isinstance(candidate, str) else "byte by byte"
        raise PipelineError(
            f"flow {flow!r}: {shown(candidate)} would be read {one}; give a list: source=[...]"
        )
    if not isinstance(candidate, type):
        # By what it can do, not by its class: a source need not inherit from Source.
        if isinstance(candidate, AsyncIterable) and hasattr(candidate, "resume"):
            return candidate  # type: ignore[return-value]
        if isinstance(candidate, AsyncIterable | Iterable):
            return IterableSource(candidate)
    hint = "call it, and give what it returns" if callable(candidate) else "give a list of items"
    raise PipelineError(
        f"flow {flow!r}: {shown(candidate)} is not a source: it cannot be iterated; {hint}"
    )


def _made(kind: type) -> str:
    return f"{kind.__name__}(...)"

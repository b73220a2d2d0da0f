"""The flows that run together, checked when the pipeline is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ._wording import shown
from .collector import Recoverable
from .diagram import fenced, mermaid
from .errors import PipelineError
from .flow import Delivery, Flow, Step
from .queue import Queue

if TYPE_CHECKING:
    from .checkpoint import Checkpoint, CommitPolicy
    from .collector import Collector
    from .dead_letters import DeadLetter
    from .instruments import Instruments
    from .runner.report import Report
    from .runner.run import Run
    from .source import Source
    from .tracing import Tracer

__all__ = ["Pipeline"]


class Pipeline:
    """Flows tied together by queues: a value that validates itself, draws itself and runs.

    Args:
        flows: each queue among them has one flow that writes to it and one that reads it.

    Raises:
        PipelineError: the flows cannot run together; says which flow, step or queue, and why.
    """

    def __init__(self, *flows: Flow) -> None:
        self.flows = flows
        _validate(flows)

    async def run(
        self,
        *,
        checkpoint: Checkpoint | None = None,
        adopt: bool = False,
        commit: CommitPolicy | None = None,
        dead_letters: Collector[Any] | None = None,
        instruments: Instruments | None = None,
        tracer: Tracer | None = None,
        drain_timeout: float = 30.0,
        sink_patience: float = 15.0,
        signals: bool | None = None,
    ) -> Report:
        """Run until every source has ended, or a drain is over.

        Args:
            checkpoint: where progress is loaded from and saved to.
            adopt: go on from a checkpoint that was taken when the pipeline had other flows, steps
                or collectors. Those that are new begin at its position; what it knows of those
                that are gone is dropped; the old one is kept beside it.
            commit: how often it is saved.
            dead_letters: takes items that failed for good, as dicts of `DeadLetter`.
            instruments: receives the measurements.
            tracer: opens a span around each call of a processor or collector.
            drain_timeout: seconds that a drain may take before the run is stopped by force.
            sink_patience: seconds that a collector may take for one batch before statistics and
                metrics say that it is failing. It is waited for all the same.
            signals: let SIGINT, SIGTERM and SIGHUP drain the run, and a second SIGINT or SIGTERM
                stop it. By default those that the program does not handle itself, in the main
                thread.

        Raises:
            FlowFailed: an item failed for good and nothing takes dead letters.
            CheckpointError: the checkpoint is damaged or of another pipeline.
            DrainTimeout: stopped by force before everything read was kept.
        """
        run = self.start(
            checkpoint=checkpoint,
            adopt=adopt,
            commit=commit,
            dead_letters=dead_letters,
            instruments=instruments,
            tracer=tracer,
            drain_timeout=drain_timeout,
            sink_patience=sink_patience,
        )
        return await _finish(run, signals=signals)

    async def redeliver(
        self,
        letters: Iterable[DeadLetter] | Source[DeadLetter],
        *,
        decode: Callable[[DeadLetter], Any] | None = None,
        checkpoint: Checkpoint | None = None,
        dead_letters: Collector[Any] | None = None,
        instruments: Instruments | None = None,
        tracer: Tracer | None = None,
        drain_timeout: float = 30.0,
        sink_patience: float = 15.0,
        signals: bool | None = None,
    ) -> Report:
        """Feed dead letters back: each item goes again to the processor or collector it failed at.

        The sources are not read, nor opened. What fails again becomes a new dead letter.

        Args:
            letters: for example a `DeadLetterFile`.
            decode: makes an item of a letter again, where items are no JSON values; by default
                `letter.item` is the item.
            checkpoint: of the pipeline, where it has one. Positions stay; the states of its
                collectors are brought up to date, so that the next run cuts nothing off.
            dead_letters: takes what fails again; not the file that is being read.

        Returns:
            A report whose one source is `dead letters`; its `position` is the number of letters
            up to which everything is settled.

        Raises:
            FlowFailed: an item failed for good and nothing takes dead letters; or a letter names
                a place that the pipeline does not have.
            CheckpointError: the checkpoint is damaged or of another pipeline.
            DrainTimeout: stopped by force before every letter that was read was settled.
        """
        from .runner.redelivery import Redelivery

        run = Redelivery(
            self,
            letters,
            decode=decode,
            checkpoint=checkpoint,
            dead_letters=dead_letters,
            instruments=instruments,
            tracer=tracer,
            drain_timeout=drain_timeout,
            sink_patience=sink_patience,
        )
        return await _finish(run, signals=signals)

    def start(self, **options: Any) -> Run:
        """A run of this pipeline, to watch (`statistics`), drain or stop; see `run`.

        Nothing happens until `await run.finish()`.
        """
        from .runner.run import Run

        return Run(self, **options)

    @property
    def shape(self) -> tuple[str, ...]:
        """Every place an item can reach, as `flow/step/collector`: what a checkpoint is tied to."""
        places = []
        for flow in self.flows:
            for step in flow.steps:
                place = f"{flow.name}/{step.name}"
                places += [f"{place}/{each.name}" for each in step.collectors] or [place]
        return tuple(places)

    def recoverable(self) -> dict[str, Any]:
        """The collectors that recover from a checkpoint, by their place in `shape`."""
        return {
            f"{flow.name}/{step.name}/{delivery.name}": delivery.collector
            for flow in self.flows
            for step in flow.steps
            for delivery in _recoverable(step)
        }

    def to_mermaid(self) -> str:
        """The pipeline as a Mermaid flowchart."""
        return mermaid(self.flows)

    def _repr_markdown_(self) -> str:
        return fenced(self.to_mermaid())

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(flow.name for flow in self.flows)})"


async def _finish(run: Run, *, signals: bool | None) -> Report:
    from .runner.signals import SIGNALS, draining_on_signals, free_signals

    caught = free_signals() if signals is None else SIGNALS if signals else ()
    with draining_on_signals(run, caught):
        return await run.finish()


def _validate(flows: tuple[Flow, ...]) -> None:
    if not flows:
        raise PipelineError("a pipeline needs at least one flow: Pipeline(Flow(...), ...)")
    for flow in flows:
        if not isinstance(flow, Flow):
            raise PipelineError(_not_a_flow(flow))
    _refuse_twins("flows", [flow.name for flow in flows])
    queues = {id(q): q for flow in flows for q in (*_read_by(flow), *_written_by(flow))}
    _refuse_twins("queues", [queue.name for queue in queues.values()])
    for queue in queues.values():
        _refuse_loose_ends(queue, flows)
    _refuse_cycles(flows)
    _refuse_shared_collectors(flows)
    _refuse_shared_sources(flows)


def _not_a_flow(candidate: object) -> str:
    if isinstance(candidate, list | tuple):
        return "a pipeline takes its flows one by one, not in a list: Pipeline(*flows)"
    return f"{shown(candidate)} is not a flow; write Pipeline(Flow(...), ...)"


def _read_by(flow: Flow) -> Iterator[Queue]:
    if isinstance(flow.source, Queue):
        yield flow.source


def _written_by(flow: Flow) -> Iterator[Queue]:
    for step in flow.steps:
        for collector in step.collectors:
            if isinstance(collector, Queue):
                yield collector


def _refuse_twins(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise PipelineError(f"two {what} are called {name!r}; names are unique in a pipeline")


def _refuse_loose_ends(queue: Queue, flows: tuple[Flow, ...]) -> None:
    readers = [flow.name for flow in flows if queue in _read_by(flow)]
    writers = [
        f"{flow.name}/{step.name}"
        for flow in flows
        for step in flow.steps
        for collector in step.collectors
        if collector is queue
    ]
    if not readers:
        raise PipelineError(
            f"queue {queue.name!r} is filled by {writers[0]}, but no flow reads it: "
            "make it the source of a flow"
        )
    if not writers:
        raise PipelineError(
            f"queue {queue.name!r} is the source of flow {readers[0]!r}, but no flow fills it: "
            "add it to the collectors of a step"
        )
    for end, names in (("read", readers), ("filled", writers)):
        if len(names) > 1:
            raise PipelineError(
                f"queue {queue.name!r} is {end} by {', '.join(names)}: only one flow can do that; "
                "use a queue for each"
            )


def _refuse_cycles(flows: tuple[Flow, ...]) -> None:
    reached: set[int] = set()
    frontier = [flow for flow in flows if not isinstance(flow.source, Queue)]
    while frontier:
        flow = frontier.pop()
        reached.add(id(flow))
        fed = {id(queue) for queue in _written_by(flow)}
        frontier += [each for each in flows if id(each.source) in fed]
    stuck = [flow.name for flow in flows if id(flow) not in reached]
    if stuck:
        raise PipelineError(f"the queues of {', '.join(stuck)} form a cycle: no source feeds them")


def _refuse_shared_collectors(flows: tuple[Flow, ...]) -> None:
    seen: dict[int, str] = {}
    for flow in flows:
        for step in flow.steps:
            for each in _recoverable(step):
                here = f"{flow.name}/{step.name}"
                if id(each.collector) in seen:
                    raise PipelineError(
                        f"the collector {each.name!r} stands in {seen[id(each.collector)]} and in "
                        f"{here}: a collector that recovers from a checkpoint can stand in only "
                        "one place; make one for each"
                    )
                seen[id(each.collector)] = here


def _refuse_shared_sources(flows: tuple[Flow, ...]) -> None:
    seen: dict[int, str] = {}
    for flow in flows:
        if isinstance(flow.source, Queue):
            continue
        if id(flow.source) in seen:
            raise PipelineError(
                f"the flows {seen[id(flow.source)]} and {flow.name} read the same source: make "
                "one for each, or one flow with several steps"
            )
        seen[id(flow.source)] = flow.name


def _recoverable(step: Step) -> Iterator[Delivery]:
    for collector in step.collectors:
        if isinstance(collector, Delivery) and isinstance(collector.collector, Recoverable):
            yield collector

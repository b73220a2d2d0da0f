"""The flows that run together, checked when the pipeline is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Unpack

from ._diagram import fenced, mermaid
from ._runner import Redelivery, Report, Run, RunOptions
from ._wording import shown
from .collector import Recoverable
from .dead_letter import DeadLetter
from .errors import PipelineError
from .flow import Flow, deliveries_of, shape_of
from .queue import Queue
from .signals import SIGNALS, draining_on_signals, free_signals
from .source import Source

__all__ = ["Pipeline"]


class Pipeline:
    """Flows that are tied together by queues: a value that checks itself, draws itself and runs.

    Args:
        flows: each queue among them has one flow that writes to it and one that reads it.

    Raises:
        PipelineError: the flows cannot run together; says which flow, step or queue, and why.
    """

    def __init__(self, *flows: Flow) -> None:
        self.flows = flows
        _validate(flows)

    async def run(
        self, *, adopt: bool = False, signals: bool | None = None, **options: Unpack[RunOptions]
    ) -> Report:
        """Run until every source has ended, or a drain is over.

        Args:
            adopt: resume from a checkpoint that was taken when the pipeline had other flows, steps
                or collectors. New ones begin at its position. What the checkpoint knows about
                those that are gone is dropped; a copy of it is kept.
            signals: let the first SIGINT, SIGTERM or SIGHUP drain the run, and a second one stop
                it. By default only the signals that the program does not handle itself, in the
                main thread.
            options: see `RunOptions`.

        Raises:
            FlowFailed: an item failed for good, and nothing takes dead letters.
            CheckpointError: the checkpoint is damaged, or belongs to another pipeline.
            DrainTimeout: stopped before everything that was read had been kept.
        """
        return await _finish(self.start(adopt=adopt, **options), signals=signals)

    def start(self, *, adopt: bool = False, **options: Unpack[RunOptions]) -> Run:
        """A run of this pipeline, to watch (`statistics`), drain or stop; see `run`.

        Nothing happens until `await run.finish()`.
        """
        return Run(self.flows, adopt=adopt, **options)

    async def redeliver(
        self,
        letters: Iterable[DeadLetter] | Source[DeadLetter],
        *,
        decode: Callable[[DeadLetter], Any] | None = None,
        signals: bool | None = None,
        **options: Unpack[RunOptions],
    ) -> Report:
        """Feed dead letters back: each item returns to the processor or collector that refused it.

        The sources are neither opened nor read. What fails again becomes a new dead letter.

        Args:
            letters: for example a `DeadLetterFile`.
            decode: makes an item from a letter, if items are not JSON values; by default
                `letter.item` is the item.
            signals: as for `run`.
            options: see `RunOptions`. The positions in the checkpoint stay; the states of its
                collectors are brought up to date, so that the next run cuts nothing off. New
                letters must not go to the file that is being read.

        Returns:
            A report whose one source is `dead letters`; its `position` is the number of letters
            up to which everything is settled.

        Raises:
            FlowFailed: an item failed for good and nothing takes dead letters; or a letter
                names a place that the pipeline does not have.
            CheckpointError: the checkpoint is damaged, or belongs to another pipeline.
            DrainTimeout: stopped before every letter that was read was settled.
        """
        run = Redelivery(self.flows, letters, decode=decode, **options)
        return await _finish(run, signals=signals)

    @property
    def shape(self) -> tuple[str, ...]:
        """Every place an item can reach, as `flow/step/collector`: a checkpoint is tied to it."""
        return shape_of(self.flows)

    def recoverable(self) -> dict[str, Any]:
        """The collectors that recover from a checkpoint, by their place in `shape`."""
        return {
            place: delivery.collector
            for place, delivery in deliveries_of(self.flows)
            if isinstance(delivery.collector, Recoverable)
        }

    def to_mermaid(self) -> str:
        """The pipeline as a Mermaid flowchart."""
        return mermaid(self.flows)

    def _repr_markdown_(self) -> str:
        return fenced(self.to_mermaid())

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(flow.name for flow in self.flows)})"


async def _finish(run: Run, *, signals: bool | None) -> Report:
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
    # Follow the queues from every source; a flow that is not reached is fed by nothing but itself.
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
    # Its state in the checkpoint is stored by place, and it can only return to one of them.
    seen: dict[int, str] = {}
    for place, each in deliveries_of(flows):
        if not isinstance(each.collector, Recoverable):
            continue
        here = place.rpartition("/")[0]
        if id(each.collector) in seen:
            raise PipelineError(
                f"the collector {each.name!r} stands in {seen[id(each.collector)]} and in {here}: "
                "a collector that recovers from a checkpoint can stand in only one place; make "
                "one for each"
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

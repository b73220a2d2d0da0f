"""One run of a pipeline: opens its components, runs its parts, drains, stops, and closes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypedDict, Unpack

from .._diagram import fenced, mermaid
from .._wording import describe, shown
from ..checkpoint import Checkpoint, CommitPolicy
from ..collector import Collector, Measured
from ..errors import DrainTimeout, EkspiperError, PipelineError, ReceiptError
from ..flow import Flow, deliveries_of, refuse_no_collector, shape_of
from ..instruments import Instruments, NoInstruments, NoTracer, Tracer
from ..retry import RetryPolicy
from .barrier import Barrier
from .committer import Committer
from .failure_handler import FailureHandler, first_error, without_our_frames
from .graph import Graph
from .parts import Part, parts_of
from .publisher import Publisher
from .recovery import Recovery
from .report import Report, Statistics, as_html
from .source_reader import SourceReader

__all__ = ["Run", "RunOptions"]

log = logging.getLogger("ekspiper")

# Seconds after which a run that was stopped is left alone, if a component ignores it.
_GIVE_UP = 15.0

_NEVER_GIVE_UP = RetryPolicy(elapsed=None)


class RunOptions(TypedDict, total=False):
    """What `Pipeline.run`, `start` and `redeliver` can be given; all of it is optional.

    Args:
        checkpoint: where progress is loaded from and saved to; by default nowhere.
        commit: how often it is saved.
        dead_letters: takes items that failed for good, as dicts of `DeadLetter`. Without it the
            first of them stops the run.
        instruments: receives the measurements.
        tracer: opens a span around each call of a processor or collector.
        drain_timeout: seconds that a drain may take before the run is stopped; by default 30.
        sink_patience: seconds that a collector may take for one batch before statistics and
            metrics say that it is failing; by default 15. It is waited for all the same.
    """

    checkpoint: Checkpoint | None
    commit: CommitPolicy | None
    dead_letters: Collector[Any] | None
    instruments: Instruments | None
    tracer: Tracer | None
    drain_timeout: float
    sink_patience: float


class Run:
    """A pipeline that runs. `Pipeline.start` makes it.

    Args:
        flows: those of the pipeline.
        adopt: resume from a checkpoint of a pipeline that has changed since.
        options: see `RunOptions`.
    """

    def __init__(
        self, flows: Sequence[Flow], *, adopt: bool = False, **options: Unpack[RunOptions]
    ) -> None:
        # A TypedDict is checked by tools, not when it runs: a typo would be ignored in silence.
        if unknown := options.keys() - RunOptions.__annotations__.keys():
            known = ", ".join(sorted(RunOptions.__annotations__))
            raise TypeError(f"a run has no option {min(unknown)!r}; it has {known}")
        checkpoint, dead_letters = options.get("checkpoint"), options.get("dead_letters")
        _refuse_other_types(checkpoint, dead_letters)
        _refuse_letters_without_collector(flows, dead_letters)
        _refuse_letters_into_the_pipeline(flows, dead_letters)
        self.flows = tuple(flows)
        self.shape = shape_of(flows)
        self.drain_timeout = options.get("drain_timeout", 30.0)
        self.sink_patience = options.get("sink_patience", 15.0)
        self._checkpoint = checkpoint
        self._adopt = adopt
        self._commit = options.get("commit") or CommitPolicy()
        self._instruments = options.get("instruments") or NoInstruments()
        self._failures = FailureHandler(dead_letters)
        self._tracer = options.get("tracer") or NoTracer()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._graph: Graph | None = None
        self._committer: Committer | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._given_up: asyncio.Future[None] | None = None
        self._reading = False
        self._drained = False
        self._nothing_read = False
        self._stopped = False

    @property
    def draining(self) -> bool:
        """Whether it was asked to stop."""
        return self._drained

    @property
    def state(self) -> str:
        """How far it is: not started, opening, running, draining or ended."""
        if self._ended is not None:
            return "ended"
        if self._task is None:
            return "not started"
        if self._drained:
            return "draining"
        return "running" if self._reading else "opening"

    def drain(self) -> None:
        """Read no more, keep everything that was read, and finish; stop after the time-out."""
        if self._drained:
            return
        self._drained = True
        if self._task is None or self._task.done():
            return
        if not self._reading:
            # Opening may take long: a sink that is down is tried again without end.
            self._nothing_read = True  # so there is nothing to keep
            self._task.cancel()
        for reader in self._readers:
            reader.drain()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self.drain_timeout, self.stop)

    def stop(self) -> None:
        """Stop now. The checkpoint does not cover what was not kept, so that comes again."""
        if self._task is not None and not self._task.done():
            self._stopped = True
            self._cancel(self._task)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._given_up is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(_GIVE_UP, _resolve, self._given_up)

    async def finish(self) -> Report:
        """Run to the end. See `Pipeline.run` for what it raises."""
        if self._task is not None:
            raise PipelineError("this run has been started already; start a new one")
        self._began = time.monotonic()
        if not self._drained:
            self._task = asyncio.create_task(self._run())
            try:
                await self._outcome(self._task)
            except ReceiptError:
                raise
            except EkspiperError as error:
                raise without_our_frames(error) from error.__cause__
            finally:
                self._ended = time.monotonic()
                if self._deadline is not None:
                    self._deadline.cancel()
        return self._report()

    async def _outcome(self, task: asyncio.Task[None]) -> None:
        """Wait for the run; once it is stopped, no longer than a component may take to close."""
        given_up = self._given_up = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((task, given_up), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The caller is cancelled, not the run: stop it, and wait until it has closed all.
            self._cancel(task)
            await asyncio.wait((task, given_up), return_when=asyncio.FIRST_COMPLETED)
            raise
        if not task.done():
            raise DrainTimeout(
                f"{self._describe_unfinished()}; a component ignores that it is stopped"
            )
        try:
            task.result()
        except asyncio.CancelledError:
            if self._stopped:
                raise DrainTimeout(self._describe_unfinished()) from None
            if not self._nothing_read:  # drained while it was opening, and that is fine
                raise

    async def _run(self) -> None:
        async with AsyncExitStack() as opened:
            graph = self._graph = Graph(
                self.flows,
                self._failures,
                self._instruments,
                self._tracer,
                barrier_every=self._commit.items,
                must_move=self._checkpoint is not None,
                on_barrier=self._on_barrier,
            )
            recovery = self._recovery(graph)
            recovery.check_sources()
            for part in self._parts():
                opened.push_async_exit(part.close)  # also what fails to open is closed
                if isinstance(part.component, Measured):
                    part.component.use_instruments(self._instruments)
                await part.open()
            committer = await self._restore(graph, recovery)
            await self._work(graph, committer)
        for reader in self._readers:
            reader.receipts.check()

    def _parts(self) -> Sequence[Part]:
        """Everything to open, in this order."""
        return self._dead_letter_parts() + parts_of(self.flows)

    def _dead_letter_parts(self) -> list[Part]:
        letters = self._failures.dead_letters
        if letters is None:
            return []
        return [Part(letters, "the dead-letter collector", _NEVER_GIVE_UP)]

    def _recovery(self, graph: Graph) -> Recovery:
        return Recovery(graph, self._checkpoint, self.shape, adopt=self._adopt)

    async def _restore(self, graph: Graph, recovery: Recovery) -> Committer:
        """Bring collectors and sources to where the checkpoint stands."""
        loaded = await recovery.load()
        committer = self._committer = Committer(
            self._checkpoint,
            self._commit,
            self.shape,
            loaded,
            make_safe=self._failures.make_safe,
        )
        await self._failures.restore()
        await recovery.restore_collectors(loaded)
        await recovery.resume_sources(committer, loaded)
        return committer

    async def _work(self, graph: Graph, committer: Committer) -> None:
        publisher = Publisher(self._instruments)
        try:
            async with asyncio.TaskGroup() as background:
                # These run until the others are done. Two groups, so that one of these that fails
                # stops the run, and the end of all flows does not wait for them.
                aside = (
                    background.create_task(committer.set_barriers(graph.readers.values())),
                    background.create_task(committer.run()),
                    background.create_task(publisher.run(self.statistics)),
                )
                async with asyncio.TaskGroup() as group:
                    for task in self._tasks(graph):
                        group.create_task(task())
                    self._reading = True
                for each in aside:
                    each.cancel()
            await committer.write()
        except BaseException as error:
            # Barriers may have completed since the last checkpoint: less to read again.
            await self._write_once(committer)
            if isinstance(error, BaseExceptionGroup):
                raise first_error(error) from first_error(error).__cause__
            raise
        finally:
            # The last second would be missing otherwise, and short runs would show nothing.
            publisher.publish(self.statistics())

    def _tasks(self, graph: Graph) -> list[Callable[[], Any]]:
        return graph.tasks(self._readers)

    async def _write_once(self, committer: Committer) -> None:
        """Write what is complete; the run ends with another error, so one here is only logged."""
        try:
            await committer.write(tries=RetryPolicy(elapsed=0.0))
        except EkspiperError as error:
            log.error("%s", describe(error))

    def _on_barrier(self, reader: SourceReader, barrier: Barrier) -> None:
        if self._committer is not None:
            self._committer.complete(reader, barrier)

    @property
    def _readers(self) -> Sequence[Any]:
        """The parts that bring items in: one for each source."""
        return () if self._graph is None else tuple(self._graph.readers.values())

    def _describe_unfinished(self) -> str:
        unsettled = sum(reader.receipts.open for reader in self._readers)
        if unsettled == 1:
            what = "1 item was not stored; it will be read again at the next start"
        else:
            what = f"{unsettled:,} items were not stored; they will be read again at the next start"
        return f"stopped before everything was kept: {what}"

    def statistics(self) -> Statistics:
        """The counters of the run now; empty before it has opened everything."""
        seconds = (self._ended or time.monotonic()) - self._began
        graph, committer = self._graph, self._committer
        if graph is None or committer is None:
            return Statistics(
                seconds=seconds, sources={}, steps={}, collectors={}, queues={}, checkpoints=0
            )
        patience = self.sink_patience
        failing = {
            "the dead-letter collector": self._failures.failing,
            "the checkpoint": committer.failing,
        }
        return Statistics(
            seconds=seconds,
            sources={reader.flow: reader.report() for reader in self._readers},
            steps={worker.place: worker.statistics() for worker in graph.workers},
            collectors={
                each.place: each.statistics(patience=patience) for each in graph.deliverers
            },
            queues={name: channel.statistics() for name, channel in graph.queues.items()},
            checkpoints=committer.written,
            run_failing={name: reason for name, reason in failing.items() if reason is not None},
        )

    def _report(self) -> Report:
        statistics = self.statistics()
        return Report(
            seconds=statistics.seconds,
            drained=self._drained,
            sources=statistics.sources,
            steps=statistics.steps,
            collectors=statistics.collectors,
            checkpoints=statistics.checkpoints,
        )

    def _repr_html_(self) -> str:
        return as_html(self.statistics(), state=self.state)

    def _repr_markdown_(self) -> str:
        return fenced(mermaid(self.flows))


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _refuse_other_types(checkpoint: Any, dead_letters: Any) -> None:
    if checkpoint is not None and not callable(getattr(checkpoint, "save", None)):
        raise PipelineError(
            f"{shown(checkpoint)} is not a checkpoint; use checkpoint=FileCheckpoint(path)"
        )
    if dead_letters is not None:
        refuse_no_collector(dead_letters)


def _refuse_letters_without_collector(
    flows: Sequence[Flow], dead_letters: Collector[Any] | None
) -> None:
    for flow in flows:
        for step in flow.steps:
            if step.on_error == "dead-letter" and dead_letters is None:
                raise PipelineError(
                    f"flow {flow.name!r}, step {step.name!r} sends errors to the dead letters, "
                    "but the run has no dead-letter collector; give it one: run(dead_letters=...)"
                )


def _refuse_letters_into_the_pipeline(
    flows: Sequence[Flow], dead_letters: Collector[Any] | None
) -> None:
    for place, delivery in deliveries_of(flows):
        if delivery.collector is dead_letters:
            raise PipelineError(
                f"the dead-letter collector also stands in {place.rpartition('/')[0]}: make "
                "another one for the dead letters"
            )

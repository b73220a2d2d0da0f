"""One run of a pipeline, from opening its components to closing them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from .._wording import describe, shown
from ..checkpoint import Checkpoint, CommitPolicy, Progress
from ..collector import Collector, Measured
from ..diagram import fenced
from ..errors import DrainTimeout, EkspiperError, PipelineError, ReceiptError
from ..flow import Delivery, refuse_no_collector
from ..instruments import Instruments, NoInstruments
from ..iterable_source import IterableSource
from ..pipeline import Pipeline
from ..retry import RetryPolicy
from ..tracing import NoTracer, Tracer
from .adopting import adopted
from .barrier import Barrier
from .committing import Committer
from .components import Part, parts_of
from .display import as_html
from .failing import Failures
from .first_error import first_error, without_our_frames
from .gathering import gather
from .graph import Graph
from .publishing import Publisher
from .reading import SourceReader
from .recovering import begin_source, restore_collectors, resume_source
from .report import Report, Statistics

__all__ = ["Run"]

log = logging.getLogger("ekspiper")

_GIVE_UP = 15.0
"""Seconds after which a run that was stopped by force is left alone, if something ignores it."""


class Run:
    """A pipeline that runs. Made by `Pipeline.start`; the arguments are those of `Pipeline.run`."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        checkpoint: Checkpoint | None = None,
        adopt: bool = False,
        commit: CommitPolicy | None = None,
        dead_letters: Collector[Any] | None = None,
        instruments: Instruments | None = None,
        tracer: Tracer | None = None,
        drain_timeout: float = 30.0,
        sink_patience: float = 15.0,
    ) -> None:
        _refuse_what_is_none(checkpoint, dead_letters)
        _refuse_letters_without_collector(pipeline, dead_letters)
        _refuse_letters_into_the_pipeline(pipeline, dead_letters)
        self.pipeline = pipeline
        self.drain_timeout = drain_timeout
        self.sink_patience = sink_patience
        self._checkpoint = checkpoint
        self._adopt = adopt
        self._commit = commit or CommitPolicy()
        self._instruments = instruments or NoInstruments()
        self._failures = Failures(dead_letters)
        self._tracer = tracer or NoTracer()
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
        """Read no more; keep everything that was read; then finish. Forced after the time-out."""
        if self._drained:
            return
        self._drained = True
        if self._task is None or self._task.done():
            return
        if not self._reading:
            self._nothing_read = True  # so there is nothing to keep
            self._task.cancel()
        for reader in self._readers:
            reader.drain()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self.drain_timeout, self.stop)

    def stop(self) -> None:
        """Stop now. What was not kept is not in the checkpoint, and comes again."""
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
        """Wait for the run; or, once it is stopped, for so long as can be asked of a component."""
        given_up = self._given_up = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((task, given_up), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._cancel(task)
            await asyncio.wait((task, given_up), return_when=asyncio.FIRST_COMPLETED)
            raise
        if not task.done():
            raise DrainTimeout(
                f"{self._describe_unfinished()}; something does not heed being stopped"
            )
        try:
            task.result()
        except asyncio.CancelledError:
            if self._stopped:
                raise DrainTimeout(self._describe_unfinished()) from None
            if not self._nothing_read:
                raise

    async def _run(self) -> None:
        async with AsyncExitStack() as opened:
            graph = self._graph = Graph(
                self.pipeline,
                self._failures,
                self._instruments,
                self._tracer,
                barrier_every=self._commit.items,
                must_move=self._checkpoint is not None,
                on_barrier=self._on_barrier,
            )
            self._check_sources(graph)
            for part in self._parts():
                opened.push_async_exit(part.close)
                if isinstance(part.component, Measured):
                    part.component.use_instruments(self._instruments)
                await part.open()
            committer = await self._restore(graph)
            try:
                await self._work(graph, committer)
            except BaseException:
                for reader in self._readers:
                    reader.receipts.abandon()
                raise
        self._check_receipts()

    def _check_sources(self, graph: Graph) -> None:
        """Refuse, before anything is opened, what can never have a checkpoint."""
        if self._checkpoint is not None:
            for reader in graph.readers.values():
                if isinstance(reader.source, IterableSource):  # others may know once they are open
                    reader.refuse_no_identity()

    def _parts(self) -> Sequence[Part]:
        """Everything to be opened, in order."""
        return self._dead_letter_parts() + parts_of(self.pipeline.flows)

    def _dead_letter_parts(self) -> list[Part]:
        letters = self._failures.dead_letters
        return [] if letters is None else [Part(letters, "the dead-letter collector", _FOR_EVER)]

    async def _restore(self, graph: Graph) -> Committer:
        """Bring collectors and sources back to the checkpoint."""
        loaded = await self._load(graph)
        committer = self._committer = Committer(
            self._checkpoint,
            self._commit,
            self.pipeline.shape,
            loaded,
            make_safe=self._failures.make_safe,
        )
        await self._failures.restore()
        await restore_collectors(graph, loaded.flows if loaded else {})
        await self._resume(graph, committer, loaded)
        return committer

    async def _load(self, graph: Graph) -> Progress | None:
        for reader in graph.readers.values():
            reader.receipts.source = reader.label
        if self._checkpoint is None:
            return None
        for reader in graph.readers.values():
            reader.refuse_no_identity()
        progress = await self._checkpoint.load()
        if progress is not None:
            sources = {name: reader.receipts.source for name, reader in graph.readers.items()}
            if self._adopt:
                progress = await adopted(self._checkpoint, progress, self.pipeline.shape, sources)
            progress.refuse_other(self.pipeline.shape, sources, str(self._checkpoint))
        elif self._adopt:
            log.warning("%s is not there yet: there is nothing to adopt", self._checkpoint)
        return progress

    async def _resume(self, graph: Graph, committer: Committer, loaded: Progress | None) -> None:
        """Bring the sources back to the checkpoint."""
        for name, reader in graph.readers.items():
            position = reader.position = committer.position_of(name)
            reader.receipts.safe_position = position
            if position is not None:
                await resume_source(reader, position)
        if self._checkpoint is not None:
            await self._write_beginning(graph, committer, loaded)

    async def _write_beginning(
        self, graph: Graph, committer: Committer, loaded: Progress | None
    ) -> None:
        """Before the first item: a crash before the first checkpoint loses and doubles nothing."""
        for name, reader in graph.readers.items():
            known = loaded.flows.get(name) if loaded else None
            position, states = (known.position, known.collectors) if known else (None, {})
            deliverers = [each for each in graph.deliverers if each.reader is reader]
            if position is None and not any(each.holds_more for each in deliverers):
                position = reader.receipts.safe_position = await begin_source(reader)
            begun = {
                each.place: state
                for each in deliverers
                if each.place not in states and (state := await each.begin(position)) is not None
            }
            is_new = position is not None and (known is None or known.position is None)
            if begun or is_new or (known and self._adopt):
                committer.note(reader, position, {**states, **begun})
        await committer.write()

    async def _work(self, graph: Graph, committer: Committer) -> None:
        publisher = Publisher(self._instruments)
        try:
            async with asyncio.TaskGroup() as background:
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
            await self._write_once(committer)
            if isinstance(error, BaseExceptionGroup):
                raise first_error(error) from first_error(error).__cause__
            raise
        finally:
            publisher.publish(self.statistics())

    def _tasks(self, graph: Graph) -> list[Callable[[], Any]]:
        return graph.tasks(self._readers)

    async def _write_once(self, committer: Committer) -> None:
        """Write what is complete, though the run ends with another error, which is the one told."""
        try:
            await committer.write(tries=RetryPolicy(elapsed=0.0))
        except EkspiperError as error:
            log.error("%s", describe(error))

    def _on_barrier(self, reader: SourceReader, barrier: Barrier) -> None:
        if self._committer is not None:
            self._committer.complete(reader, barrier)

    @property
    def _readers(self) -> Sequence[Any]:
        """What brings items in: one for each source."""
        return () if self._graph is None else tuple(self._graph.readers.values())

    def _check_receipts(self) -> None:
        for reader in self._readers:
            reader.receipts.check()
            if reader.receipts.open:
                raise ReceiptError(
                    f"flow {reader.flow!r}: {reader.receipts.open} items were read and never "
                    "settled: this is a bug in the runner"
                )

    def _describe_unfinished(self) -> str:
        unsettled = sum(reader.receipts.open for reader in self._readers)
        return (
            f"stopped before everything was kept: {unsettled} items that were read are not "
            "settled, and come again after a restart"
        )

    def statistics(self) -> Statistics:
        """How the run stands now."""
        seconds = (self._ended or time.monotonic()) - self._began
        return gather(
            self._graph,
            self._readers,
            self._committer,
            self._failures,
            seconds=seconds,
            sink_patience=self.sink_patience,
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
        return fenced(self.pipeline.to_mermaid())


_FOR_EVER = RetryPolicy(elapsed=None)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _refuse_what_is_none(checkpoint: Any, dead_letters: Any) -> None:
    if checkpoint is not None and not callable(getattr(checkpoint, "save", None)):
        raise PipelineError(
            f"{shown(checkpoint)} is not a checkpoint; use checkpoint=FileCheckpoint(path)"
        )
    if dead_letters is not None:
        refuse_no_collector(dead_letters)


def _refuse_letters_without_collector(
    pipeline: Pipeline, dead_letters: Collector[Any] | None
) -> None:
    for flow in pipeline.flows:
        for step in flow.steps:
            if step.on_error == "dead-letter" and dead_letters is None:
                raise PipelineError(
                    f"flow {flow.name!r}, step {step.name!r} sends errors to the dead letters, "
                    "but the run has no dead-letter collector; give it one: run(dead_letters=...)"
                )


def _refuse_letters_into_the_pipeline(
    pipeline: Pipeline, dead_letters: Collector[Any] | None
) -> None:
    for flow in pipeline.flows:
        for step in flow.steps:
            for each in step.collectors:
                if isinstance(each, Delivery) and each.collector is dead_letters:
                    raise PipelineError(
                        f"the dead-letter collector also stands in {flow.name}/{step.name}: "
                        "make another one for the dead letters"
                    )

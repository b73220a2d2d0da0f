"""One run of a pipeline, from opening its components to closing them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

from ..checkpoint import Checkpoint, CommitPolicy, FlowState, Progress
from ..collector import Collector
from ..diagram import fenced
from ..errors import DrainTimeout, EkspiperError, FlowFailed, PipelineError, ReceiptError
from ..instruments import Instruments, NoInstruments
from ..pipeline import Pipeline
from ..tracing import NoTracer, Tracer
from .barrier import Barrier
from .committing import Committer
from .failing import Failures
from .gathering import gather
from .graph import Graph
from .publishing import Publisher
from .reading import SourceReader
from .report import Report, Statistics

__all__ = ["Run"]

_CLOSE_BY_FORCE = 5.0
"""Seconds that a component may take to close when the run is stopped by force."""


class Run:
    """A pipeline that runs. Made by `Pipeline.start`; the arguments are those of `Pipeline.run`."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        checkpoint: Checkpoint | None = None,
        commit: CommitPolicy | None = None,
        dead_letters: Collector[Any] | None = None,
        instruments: Instruments | None = None,
        tracer: Tracer | None = None,
        drain_timeout: float = 30.0,
    ) -> None:
        _refuse_letters_without_collector(pipeline, dead_letters)
        self.pipeline = pipeline
        self.drain_timeout = drain_timeout
        self._checkpoint = checkpoint
        self._commit = commit or CommitPolicy()
        self._dead_letters = dead_letters
        self._instruments = instruments or NoInstruments()
        self._failures = Failures(dead_letters)
        self._tracer = tracer or NoTracer()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._graph: Graph | None = None
        self._committer: Committer | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading = False
        self._drained = False
        self._stopped = False

    @property
    def draining(self) -> bool:
        """Whether it was asked to stop."""
        return self._drained

    def drain(self) -> None:
        """Read no more; keep everything that was read; then finish. Forced after the time-out."""
        if self._drained:
            return
        self._drained = True
        if self._graph is None or not self._reading:
            if self._task is not None:
                self._task.cancel()  # nothing was read yet: nothing to keep
            return
        for reader in self._graph.readers.values():
            reader.drain()
        asyncio.get_running_loop().call_later(self.drain_timeout, self.stop)

    def stop(self) -> None:
        """Stop now. What was not kept is not in the checkpoint, and comes again."""
        if self._task is not None and not self._task.done():
            self._stopped = True
            self._task.cancel()

    async def finish(self) -> Report:
        """Run to the end. See `Pipeline.run` for what it raises."""
        if self._task is not None:
            raise PipelineError("this run has been started already; start a new one")
        self._began = time.monotonic()
        self._task = asyncio.create_task(self._run())
        try:
            await self._task
        except asyncio.CancelledError:
            if self._stopped:
                raise DrainTimeout(self._describe_unfinished()) from None
            if not self._drained:
                raise
        finally:
            self._ended = time.monotonic()
        return self._report()

    async def _run(self) -> None:
        async with AsyncExitStack() as opened:
            graph = self._graph = Graph(
                self.pipeline,
                self._failures,
                self._instruments,
                self._tracer,
                barrier_every=self._commit.items,
                on_barrier=self._on_barrier,
            )
            for component in [c for c in (self._dead_letters,) if c] + graph.components:
                opened.push_async_callback(self._close, component)
                await component.open()
            loaded = await self._load(graph)
            self._committer = Committer(self._checkpoint, self._commit, self.pipeline.shape, loaded)
            await self._restore(graph, loaded)
            if self._checkpoint is not None and loaded is None:
                await self._begin(graph, self._committer)
            try:
                await self._work(graph, self._committer)
            except BaseException:
                for reader in graph.readers.values():
                    reader.receipts.abandon()
                raise
        self._check_receipts(graph)

    async def _close(self, component: Any) -> None:
        if self._stopped:
            async with asyncio.timeout(_CLOSE_BY_FORCE):
                await component.close()
        else:
            await component.close()

    async def _load(self, graph: Graph) -> Progress | None:
        if self._checkpoint is None:
            return None
        progress = await self._checkpoint.load()
        if progress is not None:
            sources = {name: reader.source.identity for name, reader in graph.readers.items()}
            progress.refuse_other(self.pipeline.shape, sources, str(self._checkpoint))
        return progress

    async def _restore(self, graph: Graph, loaded: Progress | None) -> None:
        flows = loaded.flows if loaded else {}
        states = {place: s for flow in flows.values() for place, s in flow.collectors.items()}
        for deliverer in graph.deliverers:
            position = flows.get(deliverer.root, FlowState("")).position
            await deliverer.restore(states.get(deliverer.place), position)
        for name, reader in graph.readers.items():
            if name in flows and flows[name].position is not None:
                reader.position = flows[name].position
                await reader.source.resume(flows[name].position)

    async def _begin(self, graph: Graph, committer: Committer) -> None:
        """Write down what the sinks hold before anything is added: a crash goes back to that."""
        states = {each.place: await each.first_state() for each in graph.deliverers}
        for name, reader in graph.readers.items():
            committer.begin(
                reader,
                {
                    each.place: state
                    for each in graph.deliverers
                    if each.root == name and (state := states[each.place]) is not None
                },
            )
        await committer.write()

    async def _work(self, graph: Graph, committer: Committer) -> None:
        publisher = Publisher(self._instruments)
        try:
            async with asyncio.TaskGroup() as background:
                aside = (
                    background.create_task(committer.run(graph.readers)),
                    background.create_task(publisher.run(self.statistics)),
                )
                async with asyncio.TaskGroup() as group:
                    for task in graph.tasks():
                        group.create_task(task())
                    self._reading = True
                for each in aside:
                    each.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from _first(errors).__cause__
        finally:
            await committer.write()
            publisher.publish(self.statistics())

    def _on_barrier(self, reader: SourceReader, barrier: Barrier) -> None:
        if self._committer is not None:
            self._committer.complete(reader, barrier)

    def _check_receipts(self, graph: Graph) -> None:
        for flow, reader in graph.readers.items():
            reader.receipts.check()
            if reader.receipts.open:
                raise ReceiptError(
                    f"flow {flow!r}: {reader.receipts.open} items were read and never settled: "
                    "this is a bug in the runner"
                )

    def _describe_unfinished(self) -> str:
        readers = self._graph.readers.values() if self._graph is not None else ()
        unsettled = sum(reader.receipts.open for reader in readers)
        return (
            f"stopped before everything was kept: {unsettled} items that were read are not "
            "settled, and come again after a restart"
        )

    def statistics(self) -> Statistics:
        """How the run stands now."""
        seconds = (self._ended or time.monotonic()) - self._began
        return gather(self._graph, self._committer, seconds=seconds)

    def _report(self) -> Report:
        statistics = self.statistics()
        return Report(
            seconds=statistics.seconds,
            drained=self._drained,
            sources=statistics.sources,
            collectors=statistics.collectors,
            checkpoints=statistics.checkpoints,
        )

    def _repr_html_(self) -> str:
        return self.statistics()._repr_html_()

    def _repr_markdown_(self) -> str:
        return fenced(self.pipeline.to_mermaid())


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that tells the most: a failed flow before anything that it brought about."""
    leaves = list(_leaves(errors))
    for kind in (FlowFailed, EkspiperError, Exception):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _refuse_letters_without_collector(
    pipeline: Pipeline, dead_letters: Collector[Any] | None
) -> None:
    for flow in pipeline.flows:
        for step in flow.steps:
            if step.on_error == "dead-letter" and dead_letters is None:
                raise PipelineError(
                    f"flow {flow.name!r}, step {step.name!r} sends errors to the dead letters, "
                    "but the run has no dead-letter collector: run(dead_letters=...)"
                )

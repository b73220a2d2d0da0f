"""Reads the counters of a run's parts into one picture."""

from __future__ import annotations

from collections.abc import Sequence

from ..receipt import Status
from .committing import Committer
from .delivering import Deliverer
from .graph import Graph
from .reading import SourceReader
from .report import CollectorStatistics, SourceReport, Statistics, StepStatistics
from .step_worker import StepWorker

__all__ = ["gather"]


def gather(
    graph: Graph | None,
    readers: Sequence[SourceReader],
    committer: Committer | None,
    *,
    seconds: float,
) -> Statistics:
    """The statistics of a run that lasts for `seconds`; empty before it has begun."""
    if graph is None or committer is None:
        return Statistics(
            seconds=seconds, sources={}, steps={}, collectors={}, queues={}, checkpoints=0
        )
    return Statistics(
        seconds=seconds,
        sources={reader.flow: _source(reader) for reader in readers},
        steps={worker.place: _step(worker) for worker in graph.workers},
        collectors={each.place: _collector(each) for each in graph.deliverers},
        queues={name: channel.statistics() for name, channel in graph.queues.items()},
        checkpoints=committer.written,
    )


def _source(reader: SourceReader) -> SourceReport:
    counts = reader.receipts.counts
    return SourceReport(
        read=reader.receipts.issued,
        kept=counts[Status.KEPT],
        dead_lettered=counts[Status.DEAD_LETTERED],
        dropped=counts[Status.DROPPED],
        position=reader.receipts.safe_position,
        lag=reader.lag,
    )


def _step(worker: StepWorker) -> StepStatistics:
    return StepStatistics(
        items_in=worker.items_in,
        bytes_in=worker.inlet.taken_bytes,
        items_out=worker.items_out,
        bytes_out=worker.outlets[0].put_bytes if worker.outlets else 0,
        retries=worker.retries,
        dead_letters=worker.dead_letters,
        dropped=worker.dropped,
        head_of_line=worker.head_of_line,
        failing=worker.failing,
    )


def _collector(deliverer: Deliverer) -> CollectorStatistics:
    keeper = deliverer.keeper
    return CollectorStatistics(
        items=keeper.items,
        bytes=keeper.bytes,
        retries=keeper.retries,
        dead_letters=keeper.dead_letters,
        dropped=keeper.dropped,
        failing=keeper.failing,
        busy=keeper.busy,
    )

"""Reads the counters of a run's parts into one picture."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..receipt import Status
from .committing import Committer
from .delivering import Deliverer
from .failing import Failures
from .graph import Graph
from .reading import SourceReader
from .report import CollectorStatistics, SourceReport, Statistics, StepStatistics
from .step_worker import StepWorker

__all__ = ["gather"]


def gather(
    graph: Graph | None,
    readers: Sequence[SourceReader],
    committer: Committer | None,
    failures: Failures,
    *,
    seconds: float,
    sink_patience: float,
) -> Statistics:
    """The statistics of a run that lasts for `seconds`; empty before it has begun."""
    if graph is None or committer is None:
        return Statistics(
            seconds=seconds, sources={}, steps={}, collectors={}, queues={}, checkpoints=0
        )
    others = {
        "the dead-letter collector": failures.failing,
        "the checkpoint": committer.failing,
    }
    return Statistics(
        seconds=seconds,
        sources={reader.flow: _source(reader) for reader in readers},
        steps={worker.place: _step(worker) for worker in graph.workers},
        collectors={
            each.place: _collector(each, sink_patience=sink_patience) for each in graph.deliverers
        },
        queues={name: channel.statistics() for name, channel in graph.queues.items()},
        checkpoints=committer.written,
        run_failing={name: reason for name, reason in others.items() if reason is not None},
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


def _collector(deliverer: Deliverer, *, sink_patience: float) -> CollectorStatistics:
    keeper = deliverer.keeper
    since = keeper.kept_time
    if since is None:  # nothing is kept yet: at least as old as the first item
        since = deliverer.reader.first_time
    return CollectorStatistics(
        items=keeper.items,
        bytes=keeper.bytes,
        retries=keeper.retries,
        dead_letters=keeper.dead_letters,
        dropped=keeper.dropped,
        failing=keeper.failing,
        busy=keeper.busy,
        patience=sink_patience,
        lag=None if since is None else max(0.0, time.time() - since),
    )

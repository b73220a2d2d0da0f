"""`ekspiper verify --workers`, `--scheduler`, and of object stores: an audit chunk by chunk."""

from __future__ import annotations

from pathlib import Path

from ekspiper.core import draining_on_signals
from ekspiper.xrpl.audit import AuditReport
from ekspiper.xrpl.cluster import ClusterAudit, stored_at
from ekspiper.xrpl.codec import Definitions

from ..._interruption import run_interruptible
from ..._progress import counting_chunks
from .chosen_workers import chosen_workers, refuse_both

__all__ = ["verify_by_chunks"]


def verify_by_chunks(
    place: Path | str,
    *,
    deep: bool,
    definitions: Definitions | None,
    network_id: int | None,
    workers: int | None,
    scheduler: str | None,
    connect_timeout: float | None,
) -> AuditReport:
    """Have workers audit what a backfill by chunks has written."""
    refuse_both(workers, scheduler)
    job = ClusterAudit(stored_at(place), deep=deep, definitions=definitions, network_id=network_id)

    async def work() -> AuditReport:
        with (
            chosen_workers(workers, scheduler, timeout=connect_timeout) as begun,
            draining_on_signals(job),
            counting_chunks(job.progress),
        ):
            return await job.run(begun)

    return run_interruptible(work())

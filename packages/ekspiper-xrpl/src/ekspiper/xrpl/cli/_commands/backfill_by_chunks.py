"""`ekspiper backfill --workers`, `--scheduler`, and to object stores: past ledgers, chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Unpack

import typer

from ekspiper.core import draining_on_signals
from ekspiper.core.chunks import ChunkStore
from ekspiper.xrpl.backfill import BackfillOptions, estimate
from ekspiper.xrpl.cluster import (
    ClusterBackfill,
    Workers,
    local_workers,
    open_store,
    workers_of_scheduler,
)
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import default_out

from .._interruption import run_interruptible
from .._logs import tell
from .._options import chosen_network
from .._progress import counting_chunks
from .._streams import say_json
from .backfill_report import exit_code, report_as_json, tell_estimate, tell_report

__all__ = ["backfill_by_chunks"]


def backfill_by_chunks(
    network: str | None,
    ranges: list[str],
    out: Path | str | None,
    *,
    workers: int | None,
    scheduler: str | None,
    connect_timeout: float | None,
    dry_run: bool,
    as_json: bool,
    **options: Unpack[BackfillOptions],
) -> int:
    """Have workers fetch what a place does not have; the exit code."""
    if workers is not None and scheduler is not None:
        raise typer.BadParameter(
            "--workers starts processes of this machine, --scheduler uses those of a cluster: "
            "give one of them"
        )
    chosen = chosen_network(network)
    store = open_store(out or default_out(chosen, "backfill"))

    @contextmanager
    def begun() -> Iterator[Workers]:
        if scheduler is not None:
            starting = workers_of_scheduler(scheduler, timeout=connect_timeout)
        else:
            starting = local_workers(workers) if workers is not None else Workers.in_process()
        with starting as found:
            if found.dashboard is not None:
                tell(f"{found.count} workers; Dask shows them at {found.dashboard}", style="dim")
            yield found

    work = _backfill(
        chosen,
        ranges,
        store,
        begun,
        connect_timeout=connect_timeout,
        dry_run=dry_run,
        as_json=as_json,
        **options,
    )
    return run_interruptible(work)


async def _backfill(
    network: str,
    ranges: list[str],
    store: ChunkStore,
    begun: Callable[[], AbstractContextManager[Workers]],
    *,
    connect_timeout: float | None,
    dry_run: bool,
    as_json: bool,
    **options: Unpack[BackfillOptions],
) -> int:
    began = time.monotonic()
    with store.locked():
        async with open_network(network, connect_timeout=connect_timeout) as opened:
            job = ClusterBackfill(
                network, opened.pool, ranges, store, connect_timeout=connect_timeout, **options
            )
            await job.plan(dry_run=dry_run)
            if dry_run:
                found = await estimate(opened.pool, job.wanted, job.missing)
                tell_estimate(found, store.address, as_json=as_json)
                return 0
            if job.missing:
                with begun() as workers, draining_on_signals(job), counting_chunks(job.progress):
                    await job.run(workers)
        report = await job.conclude()
    seconds = time.monotonic() - began
    verified = options.get("verify", True)
    if as_json:
        say_json(report_as_json(report, store.address, verified=verified, seconds=seconds))
    else:
        tell_report(report, store.address, verified=verified, seconds=seconds, can_sign=False)
    return exit_code(report, is_interrupted=job.draining)

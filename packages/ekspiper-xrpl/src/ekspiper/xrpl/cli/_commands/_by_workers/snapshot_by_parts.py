"""`ekspiper snapshot --workers`, `--scheduler`: the state of a ledger, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from ekspiper.core import draining_on_signals
from ekspiper.core.chunks import ChunkStore
from ekspiper.xrpl.cluster import ClusterSnapshot, Workers, open_state_store
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import default_out
from ekspiper.xrpl.verify import ONLY_HASHED

from ..._interruption import run_interruptible
from ..._logs import tell
from ..._options import chosen_network
from ..._progress import counting_chunks
from ..snapshot_report import say_snapshot, tell_snapshot
from .chosen_workers import chosen_workers, refuse_both

__all__ = ["snapshot_by_parts"]


def snapshot_by_parts(
    network: str | None,
    out: Path | str | None,
    *,
    ledger: int | None,
    types: Sequence[str] | None,
    workers: int | None,
    scheduler: str | None,
    connect_timeout: float | None,
    as_json: bool,
) -> int:
    """Have workers bring a place to hold the state of a ledger; the exit code."""
    refuse_both(workers, scheduler)
    chosen = chosen_network(network)
    work = _snapshot(
        chosen,
        open_state_store(out or default_out(chosen, "snapshot")),
        partial(chosen_workers, workers, scheduler, timeout=connect_timeout),
        ledger=ledger,
        types=types,
        connect_timeout=connect_timeout,
        as_json=as_json,
    )
    return run_interruptible(work)


async def _snapshot(
    network: str,
    store: ChunkStore,
    begun: Callable[[], AbstractContextManager[Workers]],
    *,
    ledger: int | None,
    types: Sequence[str] | None,
    connect_timeout: float | None,
    as_json: bool,
) -> int:
    began = time.monotonic()
    with store.locked():
        async with open_network(network, connect_timeout=connect_timeout) as opened:
            job = ClusterSnapshot(
                network,
                opened.pool,
                store,
                ledger=ledger,
                types=types,
                connect_timeout=connect_timeout,
            )
            await job.plan()
            shown = counting_chunks(job.progress, what="Parts", records="records", piece="part")
            with begun() as workers, draining_on_signals(job), shown:
                await job.run(workers)
                # A signal that came after the last part changes nothing: the proof takes seconds.
                if job.draining and job.progress.done < job.progress.total:
                    tell("Stopped on request; run it again to continue.")
                    return 1
                report = await job.conclude(workers)
    seconds = time.monotonic() - began
    if as_json:
        say_snapshot(report, store.address, seconds=seconds)
        return 0
    now = f"{job.progress.transactions:,} of them now in {seconds:.1f} s"
    tell_snapshot(report, f"{report.records:,} recorded, {now}", f"{store.address}/objects")
    tell(ONLY_HASHED)
    return 0

"""`ekspiper backfill --workers`, `--scheduler`, and to object stores: past ledgers, chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Unpack

from ekspiper.core import draining_on_signals
from ekspiper.core.chunks import ChunkStore
from ekspiper.xrpl.backfill import BackfillOptions, estimate
from ekspiper.xrpl.cluster import ClusterBackfill, Workers, open_store, proofs_beside
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import default_out
from ekspiper.xrpl.trustees import TrustChoice, read_anchor, read_trust

from ..._interruption import run_interruptible
from ..._options import chosen_network
from ..._progress import counting_chunks
from ..._streams import say_json
from ..backfill import notary_of
from ..backfill_report import exit_code, report_as_json, tell_estimate, tell_report
from .chosen_workers import chosen_workers, refuse_both

__all__ = ["backfill_by_chunks"]


def backfill_by_chunks(
    network: str | None,
    ranges: list[str],
    out: Path | str | None,
    *,
    format: str,
    workers: int | None,
    scheduler: str | None,
    connect_timeout: float | None,
    dry_run: bool,
    as_json: bool,
    trust: Sequence[str] | None = None,
    anchors: Sequence[str] | None = None,
    **options: Unpack[BackfillOptions],
) -> int:
    """Have workers fetch what a place does not have; the exit code."""
    refuse_both(workers, scheduler)
    chosen = chosen_network(network)
    store = open_store(out or default_out(chosen, "backfill"), format=format)

    begun = partial(chosen_workers, workers, scheduler, timeout=connect_timeout)
    work = _backfill(
        chosen,
        ranges,
        store,
        begun,
        connect_timeout=connect_timeout,
        dry_run=dry_run,
        as_json=as_json,
        choice=read_trust(trust or ()),
        anchors=[read_anchor(text) for text in anchors or ()],
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
    choice: TrustChoice,
    anchors: Sequence[tuple[int, bytes]],
    **options: Unpack[BackfillOptions],
) -> int:
    began = time.monotonic()
    verified = options.get("verify", True)
    async with AsyncExitStack() as stack:
        # Locked before the nodes are asked: a second run should end at once, and not after a
        # minute.
        stack.enter_context(store.locked())
        opened = await stack.enter_async_context(
            open_network(network, connect_timeout=connect_timeout)
        )
        notary = None
        if verified and not dry_run:
            # The notary writes files, and a bucket has none: they are brought here and back.
            folder = stack.enter_context(proofs_beside(store))
            notary = await stack.enter_async_context(notary_of(opened, choice, folder, anchors))
        job = ClusterBackfill(
            network,
            opened.pool,
            ranges,
            store,
            connect_timeout=connect_timeout,
            notary=notary,
            signed_only=choice.mode == "signed",
            **options,
        )
        await job.plan(dry_run=dry_run)
        if dry_run:
            found = await estimate(opened.pool, job.wanted, job.missing)
            tell_estimate(found, store.address, as_json=as_json)
            return 0
        if job.missing:
            # Started only when there is something to fetch: that takes some seconds.
            with begun() as workers, draining_on_signals(job), counting_chunks(job.progress):
                await job.run(workers)
        report = await job.conclude()
    # With the start of the workers: that is how long somebody has waited.
    seconds = time.monotonic() - began
    if as_json:
        say_json(report_as_json(report, store.address, verified=verified, seconds=seconds))
    else:
        tell_report(report, store.address, verified=verified, seconds=seconds)
    return exit_code(report, is_interrupted=job.draining)

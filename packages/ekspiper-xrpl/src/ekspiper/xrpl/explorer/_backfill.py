"""Writes proven ledgers to files, and fetches only what is not there yet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ekspiper.core import Run
from ekspiper.xrpl.backfill import Backfill, BackfillReport
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.cluster import ClusterBackfill, ClusterProgress, open_store, workers_of
from ekspiper.xrpl.networks import CUSTOM, Network
from ekspiper.xrpl.output_folder import OutputFolder

from ._display import Bar

__all__ = ["backfill", "backfill_by_chunks"]

# Seconds between two looks at the counters: a bar that moves more often is not read more.
_EVERY = 0.25


async def backfill(
    pool: NodePool, first: int, last: int, folder: Path, *, format: str, shown: bool
) -> BackfillReport:
    """Fetch what a folder lacks of the ledgers from `first` to `last`.

    Args:
        pool: open nodes.
        first, last: ledgers, both included.
        folder: where the files are, or will be.
        format: `parquet` or `jsonl`.
        shown: whether to draw a bar.
    """
    output = OutputFolder(folder, command="backfill", format=format)
    work = Backfill(pool, [f"{first}:{last}"], output)
    await work.plan()
    if not work.missing:
        return work.conclude()
    run = work.start()
    with Bar("ledgers", total=len(work.missing), shown=shown) as bar:
        async with asyncio.TaskGroup() as group:
            counting = group.create_task(_count(run, bar))
            await run.finish()
            # The bar runs until it is stopped; an error of the run cancels it with the group.
            counting.cancel()
    return work.conclude(run)


async def backfill_by_chunks(
    network: Network,
    pool: NodePool,
    first: int,
    last: int,
    folder: Path | str,
    *,
    client: Any,
    shown: bool,
) -> BackfillReport:
    """Have the workers of a Dask cluster fetch what a place lacks of the ledgers.

    Args:
        network: what the workers connect to.
        pool: open nodes of it.
        first, last: ledgers, both included.
        folder: where the files are, or will be.
        client: a `dask.distributed.Client`.
        shown: whether to draw a bar.
    """
    store = open_store(folder)
    # Workers open the network themselves, so they get what a user would write.
    named = ",".join(network.urls) if network.name == CUSTOM else network.name
    with store.locked():
        work = ClusterBackfill(named, pool, [f"{first}:{last}"], store)
        await work.plan()
        if work.missing:
            with Bar("ledgers", total=len(work.missing), shown=shown) as bar:
                async with asyncio.TaskGroup() as group:
                    counting = group.create_task(_count_chunks(work.progress, bar))
                    await work.run(workers_of(client))
                    counting.cancel()
        return await work.conclude()


async def _count_chunks(progress: ClusterProgress, bar: Bar) -> None:
    seen = 0
    while True:
        bar.add(progress.done - seen)
        seen = progress.done
        await asyncio.sleep(_EVERY)


async def _count(run: Run, bar: Bar) -> None:
    seen = 0
    while True:
        kept = sum(source.kept for source in run.statistics().sources.values())
        bar.add(kept - seen)
        seen = kept
        await asyncio.sleep(_EVERY)

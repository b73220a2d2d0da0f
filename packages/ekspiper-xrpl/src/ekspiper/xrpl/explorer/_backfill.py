"""Writes proven ledgers to files, and fetches only what is not there yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ekspiper.core import Run
from ekspiper.xrpl.backfill import Backfill, BackfillReport
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder

from ._display import Bar

__all__ = ["backfill"]

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
            counting.cancel()
    return work.conclude(run)


async def _count(run: Run, bar: Bar) -> None:
    seen = 0
    while True:
        kept = sum(source.kept for source in run.statistics().sources.values())
        bar.add(kept - seen)
        seen = kept
        await asyncio.sleep(_EVERY)

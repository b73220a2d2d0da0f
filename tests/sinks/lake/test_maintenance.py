"""Jobs that tidy up a table while a collector writes to it: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import deltalake
import pytest

from ekspiper.sinks.iceberg import compact, expire

from .lakes import Format, make, stored


def records(first: int, count: int) -> list[dict[str, Any]]:
    return [{"ledger_index": n, "memos": [] if n % 2 else [{"m": n}]} for n in range(first, count)]


def count_files(folder: Path) -> int:
    return len(list(folder.rglob("*.parquet")))


def tidy_iceberg(folder: Path, last: int) -> None:
    gone = compact("lake.records", 0, last, ledgers=10, files=3, warehouse=str(folder))
    assert gone > 5
    assert expire("lake.records", timedelta(0), warehouse=str(folder)) > 5


def tidy_delta(folder: Path, last: int) -> None:
    table = deltalake.DeltaTable(str(folder / "records"))
    for _ in range(2):
        table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.create_checkpoint()


@pytest.mark.parametrize("kind", ["iceberg", "delta"])
async def test_a_job_between_commits(kind: Format, tmp_path: Path) -> None:
    tidy = partial(tidy_iceberg if kind == "iceberg" else tidy_delta, tmp_path)
    collector = make(kind, tmp_path)
    await collector.open()
    await collector.restore(None)
    state: Any = None
    for number in range(30):
        await collector.collect(records(number, number + 1))
        state = await collector.snapshot(number)
    await collector.collect(records(30, 31))
    await asyncio.to_thread(tidy, 25)
    await collector.snapshot(30)
    await collector.close()
    assert stored(kind, tmp_path) == records(0, 31)
    await asyncio.to_thread(tidy_delta if kind == "delta" else lambda *_: None, tmp_path, 0)
    collector = make(kind, tmp_path)
    await collector.open()
    assert await collector.restore(state) == 30, "the position is found behind the job's commits"
    await collector.collect(records(31, 33))
    await collector.snapshot(32)
    await collector.close()
    assert stored(kind, tmp_path) == records(0, 33)
    if kind == "delta":
        assert count_files(tmp_path) < 12

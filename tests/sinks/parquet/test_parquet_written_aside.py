"""A full buffer is written while more is collected."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ekspiper.core import Retryable
from ekspiper.sinks.parquet import Parquet, read_records
from ekspiper.sinks.parquet._dataset import Dataset

SCHEMA = pa.schema([("ledger_index", pa.int64())])
ROWS = 10

pytestmark = pytest.mark.timeout(60)


def rows(nth: int) -> list[dict[str, int]]:
    """The batch that fills a buffer for the nth time, from 0 on."""
    return [{"ledger_index": number} for number in range(nth * ROWS, (nth + 1) * ROWS)]


def read(path: Path) -> list[int]:
    return [record["ledger_index"] for record in read_records(path)]


class Disk:
    """Writes files when it is let, and fails as often as it is told.

    Args:
        monkeypatch: puts it between datasets and their files.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.fails = 0
        self.begun = 0
        self.busy = threading.Lock()
        self.started = threading.Event()
        real = Dataset.stage

        def stage(dataset: Dataset, table: Any, like: Any) -> Any:
            self.begun += 1
            assert not self.busy.locked(), "two threads write"
            with self.busy:
                self.started.set()
                self.free.wait()
            if self.fails:
                self.fails -= 1
                raise OSError(28, "No space left on device")
            return real(dataset, table, like)

        monkeypatch.setattr(Dataset, "stage", stage)

    async def has_begun(self) -> None:
        await asyncio.to_thread(self.started.wait)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.free.set()


@pytest.fixture
async def collector(tmp_path: Path) -> Parquet:
    collector = Parquet(tmp_path / "d", schema=SCHEMA, row_group_rows=ROWS)
    await collector.open()
    return collector


async def test_more_is_collected_meanwhile_but_one_buffer_ahead(
    collector: Parquet, disk: Disk
) -> None:
    await collector.collect(rows(0))
    await collector.collect(rows(1))  # the first buffer is on its way
    await disk.has_begun()
    third = asyncio.ensure_future(collector.collect(rows(2)))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not third.done()
    assert disk.begun == 1
    disk.free.set()
    await third
    await collector.snapshot(1)
    await collector.close()
    assert read(Path(collector.path)) == list(range(3 * ROWS))


async def test_a_disk_that_fails_meanwhile_is_tried_again(collector: Parquet, disk: Disk) -> None:
    disk.fails = 3
    await collector.collect(rows(0))
    await collector.collect(rows(1))
    disk.free.set()
    for _ in range(2):
        with pytest.raises(Retryable, match="No space left on device"):
            await collector.collect(rows(2))
    await collector.collect(rows(2))
    await collector.snapshot(1)
    await collector.close()
    assert read(Path(collector.path)) == list(range(3 * ROWS))


async def test_a_snapshot_says_that_the_disk_fails(collector: Parquet, disk: Disk) -> None:
    disk.fails = 2
    await collector.collect(rows(0))
    await collector.collect(rows(1))
    disk.free.set()
    with pytest.raises(Retryable, match="No space left on device"):
        await collector.snapshot(1)
    await collector.snapshot(1)
    assert read(Path(collector.path)) == list(range(2 * ROWS))
    await collector.close()


async def test_closing_waits_and_keeps_everything(collector: Parquet, disk: Disk) -> None:
    disk.fails = 1
    await collector.collect(rows(0))
    await collector.collect(rows(1))
    await disk.has_begun()
    closing = asyncio.ensure_future(collector.close())
    await asyncio.sleep(0.001)
    assert not closing.done()
    disk.free.set()
    await closing
    assert read(Path(collector.path)) == list(range(2 * ROWS))


async def test_a_cancelled_snapshot_leaves_no_thread_behind(collector: Parquet, disk: Disk) -> None:
    await collector.collect(rows(0))
    await collector.collect(rows(1))
    await disk.has_begun()
    snapshot = asyncio.ensure_future(collector.snapshot(1))
    await asyncio.sleep(0.001)
    snapshot.cancel()
    await asyncio.sleep(0.001)
    assert not snapshot.done()
    disk.free.set()
    with pytest.raises(asyncio.CancelledError):
        await snapshot
    await collector.close()
    assert read(Path(collector.path)) == list(range(2 * ROWS))

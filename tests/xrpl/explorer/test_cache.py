"""The cache: bytes that are proven again, bounded, and never in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ekspiper.xrpl import Explorer
from ekspiper.xrpl.explorer._reading.ledger_cache import (
    CacheRows,
    DamagedCache,
    LedgerCache,
    default_cache_folder,
)
from ekspiper.xrpl.explorer._reading.ledger_reader import LedgerReader
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import ReplayNode


class CountingFetch(FetchLedger):
    """Counts the ledgers that were asked for."""

    asked = 0

    async def fetch(self, ref: object) -> Ledger:
        self.asked += 1
        return await super().fetch(ref)  # type: ignore[arg-type]


@pytest.fixture
async def ledgers(xrpl: Explorer) -> list[Ledger]:
    async with xrpl._session.call() as reader:
        return [ledger async for ledger in reader.read(421, 440)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.*"))


async def read(folder: Path, first: int, last: int) -> tuple[list[int], int]:
    async with open_network("sample") as network:
        fetch = CountingFetch(network.pool)
        cache = LedgerCache(folder, max_bytes=10**9)
        reader = LedgerReader(network.pool, fetch, cache=cache, concurrency=4, progress=False)
        return [each.ledger_index async for each in reader.read(first, last)], fetch.asked


async def test_a_second_reading_asks_for_no_ledger(tmp_path: Path) -> None:
    assert await read(tmp_path, 428, 438) == (list(range(428, 439)), 11)
    assert await read(tmp_path, 428, 438) == (list(range(428, 439)), 0)
    # What is there is used wherever it lies in the range.
    assert await read(tmp_path, 423, 443) == (list(range(423, 444)), 10)
    assert await read(tmp_path, 423, 443) == (list(range(423, 444)), 0)


async def test_files_hold_the_very_bytes(tmp_path: Path, ledgers: list[Ledger]) -> None:
    cache = LedgerCache(tmp_path, max_bytes=10**9)
    cache.write(CacheRows(ledgers))
    (run,) = cache.runs(428, 433)
    again = cache.read(run, network_id=0)

    assert [each.ledger_index for each in again] == list(range(428, 434))
    before = {each.hash: each for ledger in ledgers for each in ledger.transactions}
    for ledger in again:
        for each in ledger.transactions:
            assert each.tx_blob == before[each.hash].tx_blob
            assert each.meta == before[each.hash].meta


async def test_ledgers_that_wait_for_their_file_are_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded of them meanwhile would be walked through by each garbage collection."""
    saved: list[CacheRows] = []
    monkeypatch.setattr(LedgerCache, "write", lambda _, rows: saved.append(rows))
    async with open_network("sample") as network:
        cache, fetch = LedgerCache(tmp_path, max_bytes=10**9), FetchLedger(network.pool)
        reader = LedgerReader(network.pool, fetch, cache=cache, concurrency=4, progress=False)
        async for ledger in reader.read(428, 438):
            assert all(each.fields and each.meta for each in ledger.transactions)
    (rows,) = saved
    assert (rows.first, rows.last) == (428, 438)
    cells = [cell for column in rows._columns.values() for cell in column]
    assert {type(cell) for cell in cells} == {int, str, bytes}


def flip(row: dict[str, Any]) -> None:
    row["data"] = row["data"][:20] + bytes((row["data"][20] ^ 1,)) + row["data"][21:]


def swap(row: dict[str, Any]) -> None:
    """Two transactions change places: every hash is the same."""
    row["spans"] = row["spans"][16:32] + row["spans"][:16] + row["spans"][32:]
    row["ids"] = row["ids"][32:64] + row["ids"][:32] + row["ids"][64:]


def cut_ids(row: dict[str, Any]) -> None:
    row["ids"] = row["ids"][:-1]


def cut_spans(row: dict[str, Any]) -> None:
    row["spans"] = row["spans"][:-1]


def cut_data(row: dict[str, Any]) -> None:
    row["data"] = row["data"][:-1]


def reach_beyond(row: dict[str, Any]) -> None:
    row["spans"] = b"\xff" * 16 + row["spans"][16:]


@pytest.mark.parametrize("damage", [flip, swap, cut_ids, cut_spans, cut_data, reach_beyond])
async def test_a_damaged_file_is_noticed_and_read_anew(
    tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    await read(tmp_path, 428, 438)
    (path,) = files(tmp_path)
    table = pq.read_table(path)
    rows = table.to_pylist()
    damage(rows[3])
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    cache = LedgerCache(tmp_path, max_bytes=10**9)

    with pytest.raises(DamagedCache):
        cache.read(cache.runs(428, 438)[0], network_id=0)
    assert await read(tmp_path, 428, 438) == (list(range(428, 439)), 11)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
async def test_a_file_cut_short_is_read_anew(tmp_path: Path, content: bytes) -> None:
    await read(tmp_path, 428, 430)
    (path,) = files(tmp_path)
    path.write_bytes(content)

    assert await read(tmp_path, 428, 430) == ([428, 429, 430], 3)


async def test_a_network_that_was_begun_anew_is_believed(
    tmp_path: Path, ledgers: list[Ledger]
) -> None:
    """A ledger that is proven in itself, of a test network that has since been reset."""
    true = ledgers[7]
    header = true.header._replace(total_coins=1)
    former = Ledger(
        header, ledger_hash=header.ledger_hash.hex().upper(), transactions=true.transactions
    )
    path = LedgerCache(tmp_path, max_bytes=10**9).write(CacheRows([former]))

    assert await read(tmp_path, 428, 428) == ([428], 1)
    assert path not in files(tmp_path)


async def test_the_oldest_files_go_when_it_is_full(tmp_path: Path, ledgers: list[Ledger]) -> None:
    size = LedgerCache(tmp_path / "one", max_bytes=1).write(CacheRows(ledgers[:5])).stat().st_size
    cache = LedgerCache(tmp_path / "two", max_bytes=2 * size + size // 2)
    for place in range(4):
        path = cache.write(CacheRows(ledgers[5 * place : 5 * place + 5]))
        os.utime(path, (place, place))
    kept = cache.held()

    assert 440 in kept
    assert 421 not in kept
    assert sum(each.stat().st_size for each in cache.folder.iterdir()) <= cache.max_bytes


async def test_overlapping_files_give_each_ledger_once(
    tmp_path: Path, ledgers: list[Ledger]
) -> None:
    cache = LedgerCache(tmp_path, max_bytes=10**9)
    cache.write(CacheRows(ledgers[0:10]))
    cache.write(CacheRows(ledgers[5:15]))
    cache.write(CacheRows(ledgers[2:4]))

    runs = cache.runs(421, 440)
    assert [(run.first, run.last) for run in runs] == [(421, 430), (431, 435)]
    assert [(run.first, run.last) for run in cache.runs(424, 427)] == [(424, 427)]


async def test_networks_have_a_folder_each(tmp_path: Path, sample_node: ReplayNode) -> None:
    async with Explorer(sample_node.url, cache=tmp_path, progress=False) as xrpl:
        await xrpl.ledgers("538:540")
    async with Explorer(cache=tmp_path, progress=False) as xrpl:
        await xrpl.ledgers("538:540")

    names = sorted({each.parent.name for each in files(tmp_path)})
    assert names[0].startswith("network-1021-")
    assert names[1:] == ["sample"]


async def test_without_a_cache_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    async with Explorer(cache=False, progress=False) as xrpl:
        await xrpl.ledgers("538:540")
    assert default_cache_folder() == tmp_path / "ekspiper" / "ledgers"
    assert files(tmp_path) == []

    async with Explorer(progress=False) as xrpl:
        await xrpl.ledgers("538:540")
    assert [each.name for each in default_cache_folder().iterdir()] == ["sample"]


async def test_a_cache_that_cannot_be_written_gives_one_warning_and_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").touch()
    async with Explorer(cache=tmp_path / "cache", progress=False) as xrpl:
        assert len(await xrpl.ledgers("538:540")) == 3
        assert len(await xrpl.ledgers("536:540")) == 5
    (warning,) = [each.message for each in caplog.records if "cached" in each.message]
    assert warning.startswith(
        f"ledgers cannot be cached in {tmp_path}/cache/sample: Not a directory; "
    )

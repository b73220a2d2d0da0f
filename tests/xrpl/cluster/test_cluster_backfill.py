"""A backfill by chunks holds the same promises as one by one process, whatever happens to workers."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.cluster import (
    ChunkFetch,
    ClusterBackfill,
    FairShare,
    FetchedChunk,
    Workers,
    open_store,
)
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import LedgerLink

from .conftest import backfill

pytestmark = pytest.mark.timeout(180)


class Inline(Executor):
    """Fetches at once, in a thread, and lets a test change what comes back."""

    def __init__(self) -> None:
        self.fetches: list[ChunkFetch] = []

    def submit(self, fetch: Any, /, *args: Any, **_: Any) -> Future[Any]:
        self.fetches.append(fetch)
        future: Future[Any] = Future()
        asyncio.get_running_loop().run_in_executor(None, self._run, future, fetch, args[0])
        return future

    def _run(self, future: Future[Any], fetch: ChunkFetch, chunk: Chunk) -> None:
        future.set_result(self.changed(chunk, fetch(chunk)))

    def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
        return fetched


async def fill(folder: Path, *ranges: str, workers: Workers, **options: Any) -> ClusterBackfill:
    async with backfill("sample", folder, *ranges, **options) as job:
        await job.run(workers)
        return job


def found(folder: Path, pattern: str) -> int:
    return len([*folder.rglob(pattern)])


async def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    await fill(tmp_path, "440:489", workers=Workers(Inline(), 2))
    again = Inline()
    job = await fill(tmp_path, "430:500", workers=Workers(again, 2))
    report = await job.conclude()
    assert (report.present, report.fetched) == (50, 21)
    assert str(job.missing) == "430-439,490-500"
    # What fills the gaps must link to what is there.
    assert [link.ledger_index for link in again.fetches[0].known] == [440, 489]
    nothing = await fill(tmp_path, "430:500", workers=Workers(Inline(), 2))
    assert (await nothing.conclude()).fetched == 0


async def test_a_chunk_that_does_not_fit_the_chain_is_not_published(tmp_path: Path) -> None:
    class Forked(Inline):
        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            if chunk.first != 440:
                return fetched
            assert fetched.headers is not None
            link, *others = fetched.headers.links
            other = LedgerLink(link.ledger_index, link.ledger_hash, "F" * 64)
            return replace(fetched, headers=replace(fetched.headers, links=(other, *others)))

    job = await fill(tmp_path, "430:459", workers=Workers(Forked(), 1), chunk=10)
    report = await job.conclude()
    assert report.fetched == 20
    assert sorted(report.failed) == [*range(440, 450)]
    assert "ledger 440 has the parent FFFF" in report.failed[440]
    assert str(audit(tmp_path).ledgers) == "430-439,450-459"


async def test_the_whole_is_proven_from_the_files(tmp_path: Path) -> None:
    job = await fill(tmp_path, "430:459", workers=Workers(Inline(), 1), chunk=10)
    store = open_store(tmp_path)
    # Somebody copies a file: its ledgers are there twice.
    copied = tmp_path / store.place("ledgers.parquet", Chunk(435, 444))
    copied.write_bytes((tmp_path / store.place("ledgers.parquet", Chunk(440, 449))).read_bytes())
    report = await job.conclude()
    assert "twice" in report.failed[440]


async def test_a_chunk_that_fails_says_why_and_the_next_run_tries_it_again(tmp_path: Path) -> None:
    class Broken(Inline):
        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            return FetchedChunk(failure="the disk is full") if chunk.first == 440 else fetched

    job = await fill(tmp_path, "430:459", workers=Workers(Broken(), 1), chunk=10)
    report = await job.conclude()
    assert set(report.failed.values()) == {"the disk is full"}
    assert job.progress.failed == {"440:449": "the disk is full"}
    job = await fill(tmp_path, "430:459", workers=Workers(Inline(), 1))
    assert (await job.conclude()).failed == {}


async def test_a_ledger_that_no_node_has_is_named_and_its_neighbours_are_kept(
    tmp_path: Path,
) -> None:
    job = await fill(tmp_path, "533:548", workers=Workers(Inline(), 1), chunk=100)
    report = await job.conclude()
    assert report.fetched == 8
    assert sorted(report.failed) == [*range(541, 549)]
    assert report.dead_letters == 8
    assert found(tmp_path, "dead_letters/*/*.jsonl") == 1


async def test_all_workers_together_ask_for_no_more_than_one(tmp_path: Path) -> None:
    inline = Inline()
    await fill(tmp_path, "421:460", workers=Workers(inline, 4), concurrency=8, chunk=10)
    assert {fetch.concurrency for fetch in inline.fetches} == {2}
    assert {fetch.pool["window"] for fetch in inline.fetches} == {128 // 4}


async def test_a_public_server_gets_no_more_from_twenty_workers_than_from_one(
    tmp_path: Path,
) -> None:
    async with open_network("sample") as opened:
        job = ClusterBackfill("mainnet", opened.pool, ["421:430"], open_store(tmp_path))
        one, twenty = job.share(1), job.share(20)
    assert one.rate is not None
    assert twenty.rate is not None
    assert one.pools == 1
    assert 1 < twenty.pools <= one.window
    assert twenty.pools * twenty.window <= one.window
    assert twenty.pools * twenty.rate == pytest.approx(one.rate)


async def test_each_worker_gets_its_share_and_no_more_chunks_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = FairShare(2, 3, 2.5)
    monkeypatch.setattr(ClusterBackfill, "share", lambda self, workers: share)
    running, most = [0], [0]

    class Counted(Inline):
        def submit(self, fetch: Any, /, *args: Any, **options: Any) -> Future[Any]:
            running[0] += 1
            most[0] = max(most[0], running[0])
            return super().submit(fetch, *args, **options)

        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            running[0] -= 1
            return fetched

    counted = Counted()
    await fill(tmp_path, "421:460", workers=Workers(counted, 20), chunk=10)
    assert most == [2]
    assert {(fetch.pool["window"], fetch.pool["rate"]) for fetch in counted.fetches} == {(3, 2.5)}


async def test_workers_read_by_the_definitions_of_the_coordinator(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inline = Inline()
    async with backfill(url, tmp_path, "421:440", chunk=10) as job:
        caplog.clear()
        await job.run(Workers(inline, 1))
    assert len({id(fetch.definitions) for fetch in inline.fetches}) == 1
    assert not caplog.records  # as a worker that asks by itself says for each chunk


async def test_a_worker_looks_for_garbage_as_before_when_a_chunk_ends(tmp_path: Path) -> None:
    usual = gc.get_threshold()
    rarely = []

    class Watched(Inline):
        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            rarely.append(gc.get_threshold())
            return fetched

    await fill(tmp_path, "421:430", workers=Workers(Watched(), 1))
    assert set(rarely) == {usual}


async def test_other_options_are_refused(tmp_path: Path) -> None:
    await fill(tmp_path, "421:430", workers=Workers(Inline(), 1))
    with pytest.raises(ConfigError, match="verified, without order books, not of"):
        await fill(tmp_path, "421:430", workers=Workers(Inline(), 1), verify=False)
    with pytest.raises(ConfigError, match="do not divide"):
        await fill(tmp_path, "421:430", workers=Workers(Inline(), 1), chunk=7)


async def test_two_backfills_of_one_folder_are_refused(tmp_path: Path) -> None:
    async with backfill("sample", tmp_path, "421:430"):
        with pytest.raises(ConfigError, match="in use"):
            await fill(tmp_path, "431:439", workers=Workers(Inline(), 1))


async def test_books_and_amms_are_recorded_too(tmp_path: Path) -> None:
    inline = Inline()
    job = await fill(tmp_path, "528:540", workers=Workers(inline, 2), books=True)
    assert (await job.conclude()).failed == {}
    assert 0 < found(tmp_path, "book_offers/*/*.parquet") <= len(inline.fetches)


def test_what_dask_shows_of_a_task_has_no_password(tmp_path: Path) -> None:
    fetch = ChunkFetch(
        store=open_store(tmp_path), network="wss://me:secret@example.com", network_id=0
    )
    assert "secret" not in f"{fetch!r} {fetch}"

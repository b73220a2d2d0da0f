"""Ranges into a folder that has nothing, some, or all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.coverage import coverage, links
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import Fill, rows

Hashes = dict[int, list[str]]


def indexes(out: Path) -> list[int]:
    return [row["ledger_index"] for row in rows(out / "ledgers.jsonl")]


def check(out: Path, hashes: Hashes, expected: list[int]) -> None:
    """The files hold these ledgers in this order, each once and whole."""
    assert indexes(out) == expected
    found = [row["hash"] for row in rows(out / "transactions.jsonl")]
    assert found == [one for index in expected for one in hashes[index]]


async def test_a_range(fill: Fill, tmp_path: Path, hashes: Hashes) -> None:
    report = await fill("428:437")
    check(tmp_path / "out", hashes, list(range(428, 438)))
    assert (report.fetched, report.present, report.failed) == (10, 0, {})
    assert report.transactions == sum(len(hashes[index]) for index in range(428, 438))


async def test_several_ranges_that_overlap(fill: Fill, tmp_path: Path, hashes: Hashes) -> None:
    await fill("438:442", "428:+3", "441:444", "-2:")
    check(tmp_path / "out", hashes, [428, 429, 430, *range(438, 445), 539, 540])


async def test_backwards(fill: Fill, tmp_path: Path, hashes: Hashes) -> None:
    await fill("428:432", "438:439", backwards=True)
    check(tmp_path / "out", hashes, [439, 438, 432, 431, 430, 429, 428])


async def test_only_what_is_missing_is_fetched(
    fill: Fill, pool: NodePool, tmp_path: Path, hashes: Hashes
) -> None:
    await fill("428:432")
    asked: list[Any] = []
    ask = pool.ask

    async def noting(request: Any, **options: Any) -> Any:
        asked.append(request.get("ledger_index"))
        return await ask(request, **options)

    pool.ask = noting  # type: ignore[method-assign]
    report = await fill("426:434")
    assert (report.present, report.fetched) == (5, 4)
    assert sorted(asked) == [426, 427, 433, 434]
    check(tmp_path / "out", hashes, [*range(428, 433), 426, 427, 433, 434])
    asked.clear()
    report = await fill("426:434")
    assert (report.present, report.fetched, asked) == (9, 0, [])


async def test_a_ledger_that_nobody_has_is_named_and_fetched_later(
    sample: Recording, tmp_path: Path, hashes: Hashes
) -> None:
    out = tmp_path / "out"

    async def fill(*missing: int) -> Any:
        async with (
            ReplayNode(sample, missing=missing) as node,
            NodePool(node.url, ledger_timeout=0.2) as pool,
        ):
            job = Backfill(pool, ["428:432"], OutputFolder(out, command="backfill"))
            await job.plan()
            run = job.start()
            await run.finish()
            return job.conclude(run)

    report = await fill(429, 431)
    assert list(report.failed) == [429, 431]
    assert report.failed[429].startswith("no node has ledger 429: ")
    assert report.dead_letters == 2
    check(out, hashes, [428, 430, 432])
    report = await fill()
    assert (report.failed, report.present, report.fetched) == ({}, 3, 2)
    check(out, hashes, [428, 430, 432, 429, 431])


async def test_a_folder_holds_ledgers_of_one_network(sample: Recording, tmp_path: Path) -> None:
    async def plan(network_id: int) -> LedgerSet:
        async with (
            ReplayNode(sample, network_id=network_id) as node,
            NodePool(node.url) as pool,
        ):
            job = Backfill(pool, ["428:429"], OutputFolder(tmp_path, command="backfill"))
            await job.plan()
            if job.missing:
                await job.start().finish()
            return job.missing

    assert len(await plan(1)) == 2
    with pytest.raises(ConfigError, match=r"of network 1, verified.*, not of network 21337, "):
        await plan(21337)
    assert not await plan(1)


@pytest.mark.parametrize(
    ("altered", "field", "fetched", "reason"),
    [
        (428, "ledger_hash", 429, "but the ledger before it is FF"),
        (428, "parent_hash", 427, "but the ledger after it names FF"),
    ],
)
async def test_what_is_fetched_continues_the_chain_that_is_there(
    fill: Fill, tmp_path: Path, altered: int, field: str, fetched: int, reason: str
) -> None:
    await fill("428:428")
    file = tmp_path / "out" / "ledgers.jsonl"
    record = rows(file)[0]
    text = file.read_text().replace(record[field], "FF" + record[field][2:])
    file.write_text(text)
    report = await fill("427:429")
    assert list(report.failed) == [fetched]
    assert reason in report.failed[fetched]


async def test_both_formats_tell_places_in_the_chain(fill: Fill, tmp_path: Path) -> None:
    await fill("428:432")
    written = OutputFolder(tmp_path / "out", command="backfill")
    expected = {row["ledger_index"]: row for row in rows(written.table("ledgers"))}
    (tmp_path / "out").rename(tmp_path / "lines")
    await fill("428:432", format="parquet")
    lines = OutputFolder(tmp_path / "lines", command="backfill")
    dataset = OutputFolder(tmp_path / "out", command="backfill", format="parquet")
    for folder in (lines, dataset):
        found = sorted(links(folder, {427, 429, 432}))
        assert [link.ledger_index for link in found] == [429, 432]
        for link in found:
            row = expected[link.ledger_index]
            assert (link.ledger_hash, link.parent_hash) == (row["ledger_hash"], row["parent_hash"])


async def test_with_order_books(fill: Fill, tmp_path: Path) -> None:
    await fill("428:430", books=True)
    books = rows(tmp_path / "out" / "book_offers.jsonl")
    assert {row["ledger_index"] for row in books} <= {428, 429, 430}
    assert books


async def test_stopped_by_force_it_goes_on_with_what_is_missing(
    pool: NodePool, fill: Fill, tmp_path: Path, hashes: Hashes
) -> None:
    out = tmp_path / "out"
    job = Backfill(pool, ["421:540"], OutputFolder(out, command="backfill"), concurrency=4)
    await job.plan()
    run = job.start()
    task = asyncio.create_task(run.finish())
    while not any(source.kept > 20 for source in run.statistics().sources.values()):  # noqa: ASYNC110  # statistics set no event
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    report = await fill("421:540")
    assert report.failed == {}
    check(out, hashes, list(range(421, 541)))


async def test_parquet_holds_the_same(fill: Fill, tmp_path: Path, hashes: Hashes) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    await fill("428:432", format="parquet")
    report = await fill("426:434", format="parquet")
    assert (report.present, report.fetched) == (5, 4)
    out = tmp_path / "out"
    ledgers = dataset.dataset(out / "ledgers", format="parquet").to_table().to_pylist()
    assert sorted(row["ledger_index"] for row in ledgers) == list(range(426, 435))
    table = dataset.dataset(out / "transactions", format="parquet", partitioning="hive")
    found = table.to_table(columns=["hash"]).column("hash").to_pylist()
    assert sorted(found) == sorted(one for index in range(426, 435) for one in hashes[index])


def test_what_a_folder_covers(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path, command="backfill")
    assert coverage(folder) == LedgerSet()
    (tmp_path / "ledgers.jsonl").write_text(
        "".join(f'{{"ledger_index":{index}}}\n' for index in (5, 6, 7, 3, 2, 9))
    )
    assert str(coverage(folder)) == "2-3,5-7,9"

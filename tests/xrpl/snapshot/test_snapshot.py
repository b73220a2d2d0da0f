"""The whole state of a ledger: complete, proven, resumed, and refused when it is altered."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import EkspiperError
from ekspiper.xrpl import replay
from ekspiper.xrpl.client import Answer, NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.snapshot import Snapshot, SnapshotReport, StateMismatch
from tests.xrpl.older_definitions import older_definitions

SAMPLE = Path(replay.__file__).parent / "sample"
COUNT = 3200


@pytest.fixture(scope="session")
def indexes() -> set[str]:
    """The keys of all objects of the recorded state."""
    with gzip.open(SAMPLE / "ledger_data_v2_binary.jsonl.gz") as lines:
        pages = [json.loads(line)["response"]["result"] for line in lines]
    return {each["index"] for page in pages for each in page["state"]}


@asynccontextmanager
async def pool_of(sample: Recording, **options: Any) -> AsyncIterator[NodePool]:
    async with ReplayNode(sample, **options) as node, NodePool(node.url) as pool:
        yield pool


async def take(pool: NodePool, out: Path, format: str = "jsonl", **options: Any) -> SnapshotReport:
    folder = OutputFolder(out, command="snapshot", format=format)
    job = Snapshot(pool, folder, **options)
    run = await job.start()
    await run.finish()
    return await job.conclude(run)


def rows(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / "objects.jsonl").read_text().splitlines()]


async def test_what_no_definitions_know_is_reported(sample: Recording, tmp_path: Path) -> None:
    async with pool_of(sample) as pool:
        pool.definitions = older_definitions(fields={"ExchangeRate"}, names={"AMM"})
        report = await take(pool, tmp_path)
    assert report.records == COUNT
    drifts = {(one.problem, one.name) for one in report.drift.drifts}
    assert ("unknown_field", "DirectoryNode.Unknown_UInt64_6") in drifts
    assert ("unknown_type", "LedgerEntryType.121") in drifts


async def test_it_is_complete_and_proven(
    sample: Recording, tmp_path: Path, indexes: set[str]
) -> None:
    async with pool_of(sample) as pool:
        report = await take(pool, tmp_path)
    found = [row["index"] for row in rows(tmp_path)]
    assert len(found) == COUNT
    assert set(found) == indexes
    assert (report.objects, report.records, report.ledger_index) == (COUNT, COUNT, 540)
    assert all(row["ledger_hash"] == report.ledger_hash for row in rows(tmp_path))


async def test_one_type_only_and_still_proven(sample: Recording, tmp_path: Path) -> None:
    async with pool_of(sample) as pool:
        report = await take(pool, tmp_path, types=["Offer", "AMM"])
    found = [row["LedgerEntryType"] for row in rows(tmp_path)]
    assert set(found) == {"Offer", "AMM"}
    assert (report.objects, report.records) == (COUNT, len(found))


@pytest.mark.parametrize("parallel", [1, 16])
async def test_interrupted_it_goes_on(
    sample: Recording, tmp_path: Path, indexes: set[str], parallel: int
) -> None:
    asked = 0
    async with pool_of(sample) as pool:
        job = Snapshot(pool, OutputFolder(tmp_path, command="snapshot"), parallel=parallel)
        run = await job.start()
        task = asyncio.create_task(run.finish())
        while not any(source.read for source in run.statistics().sources.values()):  # noqa: ASYNC110  # statistics set no event
            await asyncio.sleep(0)
        run.drain()
        await task
        begun = len(rows(tmp_path))
        assert 0 < begun < COUNT or parallel == 16
        report = await take(pool, tmp_path, parallel=parallel)
        asked = report.objects
    assert asked == COUNT
    found = [row["index"] for row in rows(tmp_path)]
    assert len(found) == COUNT
    assert set(found) == indexes


@pytest.mark.parametrize("fault", ["forgedObject", "lostObject"])
async def test_an_object_that_is_altered_or_left_out(
    sample: Recording, tmp_path: Path, fault: str
) -> None:
    async with pool_of(sample, faults=fault) as pool:
        with pytest.raises(
            StateMismatch, match=r"a second reading differs in the subtrees \w+\.\.\."
        ):
            await take(pool, tmp_path)
        assert not (tmp_path / "objects.jsonl").exists()
        assert (tmp_path / "objects.unverified.jsonl").exists()
        report = await take(pool, tmp_path)
    assert report.objects == COUNT
    assert len(rows(tmp_path)) == COUNT


async def test_a_node_that_always_serves_it_so(sample: Recording, tmp_path: Path) -> None:
    async with pool_of(sample, faults="lostObject*0") as pool:
        with pytest.raises(StateMismatch, match="a second reading gives the same"):
            await take(pool, tmp_path)


async def test_a_node_that_serves_it_right_is_named(
    sample: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        ReplayNode(sample) as bad,
        ReplayNode(sample) as good,
        NodePool([bad.url, good.url]) as pool,
    ):
        ask = pool.ask

        async def ask_the_bad_one_first(request: Any, **options: Any) -> Answer:
            answer = await ask(request, **{**options, "avoid": options.get("avoid") or [good.url]})
            if request["command"] == "ledger_data" and answer.node == bad.url:
                state = answer.result["state"]
                answer.result["state"] = [one for one in state if not one["index"].startswith("4B")]
            return answer

        monkeypatch.setattr(pool, "ask", ask_the_bad_one_first)
        while any(status.state != "ready" for status in pool.nodes()):
            await pool.request({"command": "ping"})
        right = rf"differs in the subtrees 4\.\.\., and {good.url} serves them right"
        with pytest.raises(StateMismatch, match=rf"{right}: run it again from that node alone"):
            await take(pool, tmp_path)


async def test_parquet_is_taken_again_after_a_mismatch(sample: Recording, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    for _ in range(2):
        async with pool_of(sample, faults="lostObject") as pool:
            with pytest.raises(StateMismatch, match="unverified, do not use them"):
                await take(pool, tmp_path, format="parquet")
            assert not (tmp_path / "objects").exists()
    async with pool_of(sample) as pool:
        await take(pool, tmp_path, format="parquet")
    table = dataset.dataset(tmp_path / "objects", format="parquet", partitioning="hive")
    assert table.count_rows() == COUNT


async def test_pages_that_name_another_ledger_are_refused(
    sample: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool_of(sample) as pool:
        ask = pool.ask

        async def forged(request: Any, **options: Any) -> Answer:
            answer = await ask(request, **options)
            if request["command"] == "ledger_data":
                answer.result["ledger_hash"] = "A" * 64
            return answer

        monkeypatch.setattr(pool, "ask", forged)
        with pytest.raises(EkspiperError, match=r"it is of the ledger A+, not of F23440AF"):
            await take(pool, tmp_path)


async def test_a_folder_with_a_snapshot_of_another_ledger(
    sample: Recording, tmp_path: Path
) -> None:
    async with pool_of(sample) as pool:
        await take(pool, tmp_path)
        with pytest.raises(EkspiperError, match="holds a snapshot of ledger 540, not 538"):
            await take(pool, tmp_path, ledger=538)


async def test_parquet_holds_the_same(sample: Recording, tmp_path: Path, indexes: set[str]) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    async with pool_of(sample) as pool:
        await take(pool, tmp_path, format="parquet")
    table = dataset.dataset(tmp_path / "objects", format="parquet", partitioning="hive")
    assert set(table.to_table(columns=["index"]).column("index").to_pylist()) == indexes

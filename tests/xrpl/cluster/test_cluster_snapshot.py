"""A snapshot by workers holds the same objects as one by one process, proven as a whole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError, Retryable
from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.attestation import FolderProofs
from ekspiper.xrpl.client import Answer, NodePool, RequestError
from ekspiper.xrpl.cluster import (
    ClusterSnapshot,
    FairShare,
    FetchedPart,
    PartFetch,
    Workers,
    open_state_store,
    open_store,
)
from ekspiper.xrpl.codec import Subtree, state_root
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder, kept_definitions
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.snapshot import Snapshot, SnapshotReport, StateMismatch
from tests.command import ekspiper

parquet = pytest.importorskip(
    "ekspiper.sinks.parquet", reason="ekspiper-sinks[parquet] is not installed"
)

pytestmark = pytest.mark.timeout(180)

COUNT = 3200


class Inline(Executor):
    """Fetches at once, in a thread, and lets a test change what comes back."""

    def __init__(self, changed: Callable[[FetchedPart, PartFetch, Chunk], FetchedPart]) -> None:
        self.fetches: list[PartFetch] = []
        self.chunks: list[Chunk] = []
        self._changed = changed

    def submit(self, fetch: Any, /, *args: Any, **_: Any) -> Future[Any]:
        self.fetches.append(fetch)
        self.chunks.append(args[0])
        future: Future[Any] = Future()
        asyncio.get_running_loop().run_in_executor(None, self._run, future, fetch, args[0])
        return future

    def _run(self, future: Future[Any], fetch: PartFetch, chunk: Chunk) -> None:
        future.set_result(self._changed(fetch(chunk), fetch, chunk))


def inline(
    changed: Callable[[FetchedPart, PartFetch, Chunk], FetchedPart] = lambda part, *_: part,
) -> Inline:
    return Inline(changed)


@pytest.fixture
async def url(sample: Recording) -> AsyncIterator[str]:
    async with ReplayNode(sample) as node:
        yield node.url


@asynccontextmanager
async def planned(network: str, folder: Path, **options: Any) -> AsyncIterator[ClusterSnapshot]:
    store = open_state_store(folder)
    with store.locked():
        async with open_network(network) as opened:
            job = ClusterSnapshot(network, opened.pool, store, **options)
            await job.plan()
            yield job


async def take(
    network: str, folder: Path, executor: Executor | None = None, **options: Any
) -> SnapshotReport:
    workers = Workers(executor or inline(), 2)
    async with planned(network, folder, **options) as job:
        await job.run(workers)
        return await job.conclude(workers)


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(parquet.read_records(folder / "objects"))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("objects/*/*.parquet"))


def is_complete(folder: Path) -> bool:
    return (folder / "snapshot.json").exists()


async def test_it_has_the_objects_of_a_snapshot_by_one_process(url: str, tmp_path: Path) -> None:
    report = await take(url, tmp_path / "many")
    async with open_network(url) as opened:
        one = Snapshot(opened.pool, OutputFolder(tmp_path / "one", command="snapshot"))
        run = await one.start()
        await run.finish()
        alone = await one.conclude(run)
    lines = (tmp_path / "one" / "objects.jsonl").read_text().splitlines()
    by_one = sorted((json.loads(line) for line in lines), key=lambda row: row["index"])
    # Files and rows in the order of the keys.
    assert rows(tmp_path / "many") == by_one
    assert (report.objects, report.records, report.account_hash) == (
        alone.objects,
        alone.records,
        alone.account_hash,
    )
    whole = json.loads((tmp_path / "many" / "snapshot.json").read_text())
    assert (whole["objects"], whole["account_hash"]) == (COUNT, report.account_hash)
    index, objects = FolderProofs.of_snapshot(
        tmp_path / "many", kept_definitions(tmp_path / "many")
    )
    assert (index, state_root(objects).hex().upper()) == (540, report.account_hash)


async def test_of_some_types_the_whole_is_proven_and_these_are_recorded(
    url: str, tmp_path: Path
) -> None:
    report = await take(url, tmp_path, types=["AMM"])
    found = rows(tmp_path)
    assert {row["LedgerEntryType"] for row in found} == {"AMM"}
    assert (report.objects, report.records) == (COUNT, len(found))
    # Parts without a record have no file.
    assert len(files(tmp_path)) == len({row["index"][0] for row in found}) < 16


async def test_a_part_with_one_object_or_none_folds_to_the_leaf_or_to_nothing(
    url: str, tmp_path: Path
) -> None:
    executor = inline()
    await take(url, tmp_path, executor)
    keys = [row["index"] for row in rows(tmp_path)]
    of_three = Counter(key[:3] for key in keys)
    alone = next(key for key in keys if of_three[key[:3]] == 1)
    none = next(number for number in range(4096) if not of_three[f"{number:03X}"])
    fetch = replace(executor.fetches[0], digits=3, keeps=False)
    number = int(alone[:3], 16)
    leaf = await asyncio.to_thread(fetch, Chunk(number, number))
    empty = await asyncio.to_thread(fetch, Chunk(none, none))
    _, objects = FolderProofs.of_snapshot(tmp_path, kept_definitions(tmp_path))
    data = dict(objects)[bytes.fromhex(alone)]
    # As join_subtrees wants them: a leaf that is alone moves up to where it has neighbours.
    hashed = sha512(b"MLN\0" + data + bytes.fromhex(alone)).digest()[:32]
    assert leaf.subtree == Subtree(alone[:3], hashed, 1)
    assert empty.subtree == Subtree(f"{none:03X}", bytes(32), 0)


async def test_a_node_of_clio_is_asked_by_keys_that_it_has(
    sample: Recording, tmp_path: Path
) -> None:
    async with ReplayNode(sample, clio=True) as node:
        assert (await take(node.url, tmp_path)).objects == COUNT


async def test_stopped_it_continues_with_what_is_missing(url: str, tmp_path: Path) -> None:
    def stop_at_four(part: FetchedPart, _: PartFetch, chunk: Chunk) -> FetchedPart:
        if len(first.chunks) == 4:
            job.drain()
        return part

    first = inline(stop_at_four)
    async with planned(url, tmp_path) as job:
        await job.run(Workers(first, 1))
        assert job.draining
        with pytest.raises(Retryable, match=r"12 of 16 parts of ledger 540 are missing; run it"):
            await job.conclude(Workers(first, 1))
    assert not is_complete(tmp_path)
    again = inline()
    report = await take(url, tmp_path, again)
    assert again.chunks == [Chunk(number, number) for number in range(4, 16)]
    assert report.objects == len(rows(tmp_path)) == COUNT
    nothing = inline()
    assert (await take(url, tmp_path, nothing)).records == COUNT
    assert nothing.chunks == []


async def test_a_file_that_somebody_removed_is_fetched_again(url: str, tmp_path: Path) -> None:
    await take(url, tmp_path)
    files(tmp_path)[5].unlink()
    again = inline()
    await take(url, tmp_path, again)
    assert again.chunks == [Chunk(5, 5)]
    assert len(rows(tmp_path)) == COUNT


@pytest.mark.parametrize("fault", ["forgedObject", "lostObject"])
async def test_an_object_that_is_altered_or_left_out(
    sample: Recording, tmp_path: Path, fault: str
) -> None:
    # With `digits`, the first page is one that is kept.
    async with ReplayNode(sample, faults=fault) as node:
        wrong = r"a second reading differs in the subtrees \w\.\.\., and ws://\S+ serves them right"
        with pytest.raises(StateMismatch, match=wrong):
            await take(node.url, tmp_path, digits=1)
        assert not is_complete(tmp_path)
        again = inline()
        report = await take(node.url, tmp_path, again)
    assert len(again.chunks) == 1
    assert report.objects == len(rows(tmp_path)) == COUNT


async def test_a_node_that_always_serves_it_so(sample: Recording, tmp_path: Path) -> None:
    async with ReplayNode(sample, faults="lostObject*0") as node:
        with pytest.raises(StateMismatch, match="a second reading gives the same"):
            await take(node.url, tmp_path, digits=1)
    assert not is_complete(tmp_path)


async def test_a_page_that_no_node_gives_fails_its_part(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = NodePool.ask

    async def without_a(self: NodePool, request: Any, **options: Any) -> Answer:
        if str(request.get("marker", "")).startswith("9FFF"):
            raise RequestError("noNetwork", "no", request=dict(request), node=url)
        return await ask(self, request, **options)

    with monkeypatch.context() as patch:
        patch.setattr(NodePool, "ask", without_a)
        with pytest.raises(Retryable, match=r"1 of 16 parts .* missing; A\.\.\. .*noNetwork"):
            await take(url, tmp_path)
    assert not is_complete(tmp_path)
    assert (await take(url, tmp_path)).objects == COUNT


async def test_a_part_that_fails_is_named_and_the_others_are_kept(url: str, tmp_path: Path) -> None:
    def broken(part: FetchedPart, _: PartFetch, chunk: Chunk) -> FetchedPart:
        return FetchedPart(failure="a page is missing") if chunk.first == 11 else part

    with pytest.raises(Retryable, match=r"1 of 16 parts .* missing; B\.\.\. a page is missing"):
        await take(url, tmp_path, inline(broken))
    assert not is_complete(tmp_path)
    again = inline()
    await take(url, tmp_path, again)
    assert again.chunks == [Chunk(11, 11)]


async def test_a_subtree_that_a_worker_makes_up_is_found(url: str, tmp_path: Path) -> None:
    def lying(part: FetchedPart, fetch: PartFetch, chunk: Chunk) -> FetchedPart:
        if chunk.first != 3 or not fetch.keeps or part.subtree is None:
            return part
        return replace(part, subtree=replace(part.subtree, hash=bytes(32)))

    with pytest.raises(StateMismatch, match=r"differs in the subtrees 3\.\.\., and"):
        await take(url, tmp_path, inline(lying))
    assert (await take(url, tmp_path)).objects == COUNT


async def test_all_workers_together_ask_for_no_more_than_one(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def share(self: ClusterSnapshot, workers: int) -> FairShare:
        asked.append(workers)
        return FairShare(2, 3, 2.5)

    running, most = [0], [0]

    class Counted(Inline):
        def submit(self, fetch: Any, /, *args: Any, **options: Any) -> Future[Any]:
            running[0] += 1
            most[0] = max(most[0], running[0])
            return super().submit(fetch, *args, **options)

    def ended(part: FetchedPart, *_: Any) -> FetchedPart:
        running[0] -= 1
        return part

    monkeypatch.setattr(ClusterSnapshot, "share", share)
    counted = Counted(ended)
    async with planned(url, tmp_path) as job:
        monkeypatch.setattr(PartFetch, "__call__", lambda self, chunk: FetchedPart(failure="no"))
        await job.run(Workers(counted, 20))
    assert (set(asked), most) == ({20}, [2])
    assert {(fetch.pool["window"], fetch.pool["rate"]) for fetch in counted.fetches} == {(3, 2.5)}


async def test_another_ledger_or_other_types_are_refused(url: str, tmp_path: Path) -> None:
    await take(url, tmp_path, types=["Offer"])
    with pytest.raises(
        ConfigError, match="ledger 540 of network 1021, only Offer, not the state of"
    ):
        await take(url, tmp_path)
    with pytest.raises(ConfigError, match=r"holds the state of ledger 540 .* of ledger 538"):
        await take(url, tmp_path, types=["Offer"], ledger=538)
    with pytest.raises(ConfigError, match="belongs to `ekspiper snapshot --workers"):
        open_store(tmp_path)


def test_what_dask_shows_of_a_task_has_no_password(tmp_path: Path) -> None:
    fetch = PartFetch(
        store=open_state_store(tmp_path),
        network="wss://me:secret@example.com",
        network_id=0,
        ledger_index=540,
        ledger_hash="A" * 64,
        digits=1,
        avoid=("wss://me:secret@example.com",),
    )
    assert "secret" not in f"{fetch!r} {fetch}"


def test_the_command_with_two_workers(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    done = ekspiper("snapshot", "-n", "sample", "--workers", 2, "-o", tmp_path, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["objects"], report["records"], report["ledger_index"]) == (COUNT, COUNT, 540)
    assert "2 workers; Dask shows them at http" in done.err
    assert len(rows(tmp_path)) == COUNT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", 2, "--format", "jsonl"), "workers write parquet"),
        (("--workers", 2, "--parallel", 4), "each reads one part at a time"),
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "give one of them"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    done = ekspiper("snapshot", "-n", "sample", "-o", tmp_path / "out", *options)
    assert done.code == 2
    assert message in " ".join(done.err.replace("│", " ").split())

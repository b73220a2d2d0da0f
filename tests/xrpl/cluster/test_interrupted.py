"""Workers that are killed, and runs that are stopped: nothing is lost, doubled or half written.

Each test starts workers two or three times, which takes long. `hatch run dev:cluster` runs them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.large_state import write_large_state
from ekspiper.xrpl.cluster import ClusterBackfill, ClusterSnapshot, local_workers, open_state_store
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.replay import ReplayProcess
from tests.command import ekspiper

from .conftest import TRANSACTIONS, assert_whole, backfill, proven

pytestmark = pytest.mark.timeout(180)


async def published(job: ClusterBackfill | ClusterSnapshot, chunks: int) -> None:
    """Wait until so many chunks have ended."""
    while job.progress.chunks_done < chunks:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)


async def test_a_worker_is_killed_and_the_run_is_whole(url: str, tmp_path: Path) -> None:
    with local_workers(2) as workers:
        pids = [workers.executor.submit(os.getpid).result(30)]
        async with backfill(url, tmp_path, chunk=10) as job:
            running = asyncio.create_task(job.run(workers))
            await published(job, 2)
            os.kill(pids[0], signal.SIGKILL)
            await running
            report = await job.conclude()
    assert (report.fetched, report.failed, report.transactions) == (120, {}, TRANSACTIONS)
    assert_whole(tmp_path)


async def test_a_stopped_run_continues_with_another_number_of_workers(
    url: str, tmp_path: Path
) -> None:
    with local_workers(2) as workers:
        async with backfill(url, tmp_path, chunk=10) as job:
            running = asyncio.create_task(job.run(workers))
            await published(job, 3)
            job.drain()
            await running
            first = await job.conclude()
    assert 30 <= first.fetched < 120
    assert set(first.failed.values()) == {"not fetched: the backfill was stopped before"}
    assert proven(tmp_path).faults == []
    with local_workers(3) as workers:
        async with backfill(url, tmp_path, chunk=20) as job:
            await job.run(workers)
            second = await job.conclude()
    assert (second.present, second.fetched, second.failed) == (
        first.fetched,
        120 - first.fetched,
        {},
    )
    assert_whole(tmp_path)


async def test_stopping_at_once_leaves_nothing_half_written(url: str, tmp_path: Path) -> None:
    with local_workers(2) as workers:
        async with backfill(url, tmp_path, chunk=20) as job:
            running = asyncio.create_task(job.run(workers))
            await published(job, 1)
            job.stop()
            await running
    report = proven(tmp_path)
    assert report.faults == []
    assert report.proven == len(report.ledgers) < 120
    with local_workers(1) as workers:
        async with backfill("sample", tmp_path) as job:
            await job.run(workers)
            await job.conclude()
    assert_whole(tmp_path)


def begin(
    url: str, folder: Path, workers: int, *, command: str = "backfill 421:540 --concurrency 2"
) -> subprocess.Popen[bytes]:
    """Begin a command in its own group, as a terminal does; it says what it says in `said`."""
    arguments = [sys.executable, "-m", "ekspiper.xrpl", *command.split(), "-n", url]
    arguments += ["--workers", str(workers), "-o", str(folder / "out")]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(arguments, stderr=said, start_new_session=True)


def wait_for_chunks(
    process: subprocess.Popen[bytes], folder: Path, *, count: int = 1, table: str = "ledgers"
) -> None:
    while len([*(folder / "out").glob(f"{table}/*/*.parquet")]) < count:
        assert process.poll() is None, (folder / "said").read_text()
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes], folder: Path) -> tuple[int, str]:
    """How it ended, and what it said."""
    return process.wait(100), (folder / "said").read_text()


def processes_of(group: int) -> list[str]:
    done = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_after_kill_9_the_next_run_completes_it(url: str, tmp_path: Path) -> None:
    process = begin(url, tmp_path, 2)
    wait_for_chunks(process, tmp_path)
    process.kill()
    process.wait(100)
    again = begin(url, tmp_path, 3)
    code, said = end(again, tmp_path)
    assert code == 0, said
    assert " 0 were there before" not in said
    assert_whole(tmp_path / "out")
    while processes_of(process.pid):  # its workers notice, and end
        time.sleep(0.1)


def test_ctrl_c_keeps_what_is_under_way(url: str, tmp_path: Path) -> None:
    """A terminal sends it to the workers as well."""
    process = begin(url, tmp_path, 2)
    wait_for_chunks(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    code, said = end(process, tmp_path)
    assert code == 1, said
    assert "Run the same command again" in said
    assert "Traceback" not in said
    assert ekspiper("verify", tmp_path / "out", "--deep", "-n", "sample").code == 0
    code, said = end(begin(url, tmp_path, 1), tmp_path)
    assert code == 0, said
    assert_whole(tmp_path / "out")


OBJECTS = 100_000


@pytest.fixture
async def large_state(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, str]]:
    """A node with a large state, and the root of that state."""
    folder = tmp_path_factory.mktemp("recording")
    ledger = await asyncio.to_thread(write_large_state, folder, objects=OBJECTS)
    async with ReplayProcess(folder, latency=0.02) as node:
        yield node.url, ledger.header.account_hash.hex().upper()


def assert_whole_state(folder: Path, root: str) -> None:
    """Each object once, in the order of the keys, and the whole is what the header says."""
    parquet = pytest.importorskip("ekspiper.sinks.parquet")
    keys = [row["index"] for row in parquet.read_records(folder / "objects")]
    assert len(keys) == OBJECTS
    assert keys == sorted(set(keys))
    whole = json.loads((folder / "snapshot.json").read_text())
    assert (whole["objects"], whole["records"], whole["account_hash"]) == (OBJECTS, OBJECTS, root)
    assert not (folder / ".chunks" / "staging").exists()


def written(folder: Path) -> dict[Path, int]:
    """The files of a snapshot, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("objects/*/*.parquet")}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("digits", [1, 2])
async def test_workers_of_a_snapshot_are_killed_and_it_is_whole(
    digits: int, large_state: tuple[str, str], tmp_path: Path
) -> None:
    url, root = large_state
    store = open_state_store(tmp_path)
    with store.locked(), local_workers(2) as workers:
        async with open_network(url) as opened:
            job = ClusterSnapshot(url, opened.pool, store, digits=digits)
            await job.plan()
            running = asyncio.create_task(job.run(workers))
            for parts in (2, 6):
                pid = await asyncio.wrap_future(workers.executor.submit(os.getpid, pure=False))
                await published(job, parts)
                os.kill(pid, signal.SIGKILL)
            await running
            report = await job.conclude(workers)
    assert job.progress.failed == {}
    assert (report.objects, report.account_hash) == (OBJECTS, root)
    assert_whole_state(tmp_path, root)


def test_after_kill_9_the_next_run_completes_the_snapshot(
    large_state: tuple[str, str], tmp_path: Path
) -> None:
    url, root = large_state
    process = begin(url, tmp_path, 2, command="snapshot")
    wait_for_chunks(process, tmp_path, count=3, table="objects")
    process.kill()
    process.wait(100)
    before = written(tmp_path / "out")
    again = begin(url, tmp_path, 3, command="snapshot")
    code, said = end(again, tmp_path)
    assert code == 0, said
    assert_whole_state(tmp_path / "out", root)
    # What was published is not fetched again, but for the part that was half published.
    after = written(tmp_path / "out")
    assert sum(before[path] == after[path] for path in before) >= len(before) - 1
    while processes_of(process.pid):  # its workers notice, and end
        time.sleep(0.1)

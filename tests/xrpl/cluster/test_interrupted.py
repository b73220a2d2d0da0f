"""Workers that are killed, and runs that are stopped: nothing is lost, doubled or half written.

Each test starts workers two or three times, which takes long. `hatch run dev:cluster` runs them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ekspiper.xrpl.cluster import ClusterBackfill, local_workers
from tests.command import ekspiper

from .conftest import TRANSACTIONS, assert_whole, backfill, proven

pytestmark = pytest.mark.timeout(180)


async def published(job: ClusterBackfill, chunks: int) -> None:
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


def begin(url: str, folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """Begin a backfill in its own group, as a terminal does; it says what it says in `said`."""
    command = [sys.executable, "-m", "ekspiper.xrpl", "backfill", "421:540", "-n", url]
    command += ["--workers", str(workers), "-o", str(folder / "out"), "--concurrency", "2"]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(command, stderr=said, start_new_session=True)


def wait_for_a_chunk(process: subprocess.Popen[bytes], folder: Path) -> None:
    while not [*(folder / "out").glob("ledgers/*/*.parquet")]:
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
    wait_for_a_chunk(process, tmp_path)
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
    wait_for_a_chunk(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    code, said = end(process, tmp_path)
    assert code == 1, said
    assert "Run the same command again" in said
    assert "Traceback" not in said
    assert ekspiper("verify", tmp_path / "out", "--deep", "-n", "sample").code == 0
    code, said = end(begin(url, tmp_path, 1), tmp_path)
    assert code == 0, said
    assert_whole(tmp_path / "out")

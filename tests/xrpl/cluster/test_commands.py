"""`ekspiper backfill --workers` and `--scheduler`, and `Explorer.backfill(client=...)`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ekspiper.xrpl import Explorer
from ekspiper.xrpl.backfill import BackfillReport
from tests.command import ekspiper

from .conftest import TRANSACTIONS, assert_whole

pytestmark = pytest.mark.timeout(180)


def test_workers_of_this_machine(tmp_path: Path) -> None:
    done = ekspiper("backfill", "421:540", "-n", "sample", "--workers", 2, "-o", tmp_path, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["fetched"], report["transactions"]) == (120, TRANSACTIONS)
    assert "2 workers; Dask shows them at http" in done.err
    assert_whole(tmp_path)
    assert ekspiper("verify", tmp_path, "--deep", "-n", "sample").code == 0


def test_workers_of_a_cluster(tmp_path: Path) -> None:
    import distributed

    async def the_rest(client: distributed.Client) -> BackfillReport:
        async with Explorer("sample", cache=False, progress=False) as xrpl:
            return await xrpl.backfill("421:540", tmp_path, client=client)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        done = ekspiper(
            *("backfill", "421:478", "-n", "sample", "-o", tmp_path),
            *("--scheduler", cluster.scheduler_address),
        )
        assert done.code == 0, done.err
        assert "58 ledgers fetched" in done.err
        with distributed.Client(cluster) as client:
            report = asyncio.run(the_rest(client))
    assert (report.present, report.fetched) == (58, 62)
    assert_whole(tmp_path)


def test_a_dry_run_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    done = ekspiper(
        *("backfill", "421:540", "-n", "sample", "--workers", 2, "-o", tmp_path / "out"),
        "--dry-run",
    )
    assert done.code == 0, done.err
    assert "120 ledgers wanted" in done.err
    assert not (tmp_path / "out" / "ledgers").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "give one of them"),
        (("--workers", 2, "--format", "jsonl"), "workers write parquet or iceberg"),
        (("--workers", 0), "greater than or equal to 1"),
        (("--workers", 1, "--config", "x.toml"), "do not go with it"),
        (("--scheduler", "tcp://127.0.0.1:1", "--connect-timeout", "0.5"), "no Dask scheduler"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    done = ekspiper("backfill", "421:430", "-n", "sample", "-o", tmp_path / "out", *options)
    assert done.code == 2
    assert message in " ".join(done.err.replace("│", " ").split())


def begin(url: str, folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """Begin a backfill in a group of its own, as a terminal does; it says what it says in `said`."""
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

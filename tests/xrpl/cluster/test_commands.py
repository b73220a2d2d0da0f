"""`ekspiper backfill --workers` and `--scheduler`, and `Explorer.backfill(client=...)`."""

from __future__ import annotations

import asyncio
import json
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
        (("--workers", 0), "Invalid value for '--workers'"),  # and how typer says why
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

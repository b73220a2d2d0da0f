"""SIGKILL of either side: a real pipeline ends with every row once."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    BatchPolicy,
    CommitPolicy,
    Delivery,
    FileCheckpoint,
    Flow,
    Pipeline,
    RetryPolicy,
    Step,
)
from ekspiper.core.testing import ListSource
from ekspiper.sinks.postgres import Postgres, read_records
from tests.sinks.killed import ROOT, command, hashes_of

pytestmark = pytest.mark.timeout(600)
"""A test starts up to seven processes, one after another: seconds each, but a minute on a machine
with too much to do. Only the end of a process is waited for, so a limit for each would add nothing."""

COUNT = 10_000
DEATHS = [("begin", 1), ("copy", 3), ("commit", 2), ("commit", 4), ("save", 2), ("save", 3)]
"""`commit` dies between the commit of the rows and the checkpoint; the first one is `prepare`'s."""


def hashes(database: Any) -> list[str]:
    return [record["hash"] for record in read_records(database.dsn, "records")]


def run(
    database: Any,
    folder: Path,
    die: tuple[str, int] | None,
    *,
    checkpoint: bool = True,
    **sink: Any,
) -> int:
    program = killed(database, folder, count=COUNT, die=die, sink=sink, checkpoint=checkpoint)
    return subprocess.run(program, cwd=ROOT).returncode


def killed(database: Any, folder: Path, **options: Any) -> list[str]:
    options = {"commit_items": 200, **options}
    return command("postgres.killed_pipeline", database.dsn, str(folder), **options)


@pytest.mark.parametrize("sink", [{}, {"buffer_bytes": 0}], ids=["held", "early"])
def test_killed_at_every_step(database: Any, tmp_path: Path, sink: dict[str, Any]) -> None:
    for die in DEATHS[:: 2 if sink else 1]:
        assert run(database, tmp_path, die, **sink) == -signal.SIGKILL, die
    assert run(database, tmp_path, None, **sink) == 0
    assert hashes(database) == hashes_of(COUNT)
    [(position, rows)] = database.execute("SELECT position, written_rows FROM ekspiper_positions")
    assert (position, rows) == (COUNT, len(hashes_of(COUNT)))


def test_killed_without_a_checkpoint_the_table_knows_the_position(
    database: Any, tmp_path: Path
) -> None:
    for die in (("commit", 3), ("copy", 3)):
        assert run(database, tmp_path, die, checkpoint=False) == -signal.SIGKILL
    assert hashes(database)
    assert run(database, tmp_path, None, checkpoint=False) == 0
    assert hashes(database) == hashes_of(COUNT)


def test_killed_at_random(database: Any, tmp_path: Path) -> None:
    program = killed(database, tmp_path, count=6_000, sink={}, checkpoint=True)
    while True:
        before = len(database.execute("SELECT FROM pg_tables WHERE tablename = 'records'"))
        with subprocess.Popen(program, cwd=ROOT) as child:
            _wait_for_rows(database, child, more_than=_count(database) if before else -1)
            time.sleep(random.uniform(0, 0.1))
            child.kill()
        if child.returncode == 0 or _count(database) > 1_500:
            break
    assert subprocess.run(program, cwd=ROOT).returncode == 0
    assert hashes(database) == hashes_of(6_000)


def _count(database: Any) -> int:
    return int(database.execute("SELECT snapshot_rows FROM ekspiper_positions")[0][0])


def _wait_for_rows(database: Any, child: Any, *, more_than: int) -> None:
    while child.poll() is None:
        if database.execute("SELECT FROM pg_tables WHERE tablename = 'ekspiper_positions'"):
            found = database.execute("SELECT snapshot_rows FROM ekspiper_positions")
            if found and found[0][0] > more_than:
                return
        time.sleep(0.02)


@pytest.mark.parametrize("sink", [{}, {"buffer_bytes": 20_000}], ids=["held", "early"])
async def test_the_server_is_killed(database: Any, tmp_path: Path, sink: dict[str, Any]) -> None:
    """Three times in one run, which neither ends nor loses or doubles a row."""
    count, kills = 3_000, 3
    collector = Postgres(database.dsn, table="records", **sink)
    kill_at = {count * each // (kills + 1) for each in range(1, kills + 1)}

    async def records_of(item: int) -> AsyncIterator[dict[str, Any]]:
        if item in kill_at:
            await asyncio.to_thread(database.cluster.kill)
            await asyncio.to_thread(database.cluster.start)
        for part in range(item % 3):
            yield {"hash": f"{item}-{part}", "text": "x" * 50}

    retry = RetryPolicy(elapsed=None, first=0.01, longest=0.05)
    delivery = Delivery(collector, BatchPolicy(count=50, period=0.01), retry=retry)
    flow = Flow(
        "f", source=ListSource(range(count)), steps=(Step(records_of, collectors=(delivery,)),)
    )
    await Pipeline(flow).run(
        checkpoint=FileCheckpoint(tmp_path / "checkpoint"),
        commit=CommitPolicy(items=170, seconds=10),
    )
    assert hashes(database) == hashes_of(count)

"""SIGKILL at every step: a real pipeline ends with every row once. `hatch run dev:chaos` kills at random."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.killed import ROOT, command, hashes_of

from .lakes import FORMATS, Format, stored

pytestmark = pytest.mark.timeout(600)
"""A test starts up to seven processes, one after another: seconds each, but a minute on a machine
with too much to do. Only the end of a process is waited for, so a limit for each would add nothing."""

COUNT = 2_400
DEATHS = [
    ("commit", 1),
    ("commit", 2),
    ("committed", 1),  # between the commit of the rows and the checkpoint
    ("committed", 2),
    ("save", 2),
]


def hashes(kind: Format, folder: Path) -> list[str]:
    return [record["hash"] for record in stored(kind, folder)]


def run(kind: Format, folder: Path, **options: Any) -> int:
    given = {"count": COUNT, "commit_items": 300, "checkpoint": True, "sink": {}, **options}
    program = command("lake.killed_pipeline", kind, str(folder), **given)
    return subprocess.run(program, cwd=ROOT).returncode


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("sink", "deaths"),
    [({}, DEATHS), ({"buffer_bytes": 1}, [("commit", 2), ("committed", 1)])],
    ids=["held", "early"],
)
def test_killed_at_every_step(
    kind: Format, tmp_path: Path, sink: dict[str, Any], deaths: list[tuple[str, int]]
) -> None:
    for die in deaths:
        assert run(kind, tmp_path, die=die, sink=sink) == -signal.SIGKILL, die
    assert run(kind, tmp_path, sink=sink) == 0
    assert hashes(kind, tmp_path) == hashes_of(COUNT)


@pytest.mark.parametrize("kind", FORMATS)
def test_killed_without_a_checkpoint_the_table_knows_the_position(
    kind: Format, tmp_path: Path
) -> None:
    for _ in range(2):
        assert run(kind, tmp_path, die=("committed", 2), checkpoint=False) == -signal.SIGKILL
    assert hashes(kind, tmp_path)
    assert run(kind, tmp_path, checkpoint=False) == 0
    assert hashes(kind, tmp_path) == hashes_of(COUNT)

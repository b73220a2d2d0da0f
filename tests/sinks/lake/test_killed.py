"""SIGKILL at every step: a real pipeline ends with every row once. `hatch run dev:chaos` kills at random."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .lakes import FORMATS, Format, stored

PROGRAM = Path(__file__).with_name("killed_pipeline.py")
COUNT = 2_400
DEATHS = [
    ("commit", 1),
    ("commit", 2),
    ("committed", 1),  # between the commit of the rows and the checkpoint
    ("committed", 2),
    ("save", 2),
]


def numbers(count: int) -> list[str]:
    return [f"{item}-{part}" for item in range(count) for part in range(item % 3)]


def hashes(kind: Format, folder: Path) -> list[str]:
    return [record["hash"] for record in stored(kind, folder)]


def program(kind: Format, folder: Path, **options: Any) -> list[str]:
    given = {"count": COUNT, "commit_items": 300, "checkpoint": True, "sink": {}, **options}
    return [sys.executable, str(PROGRAM), kind, str(folder), json.dumps(given)]


def run(kind: Format, folder: Path, **options: Any) -> int:
    return subprocess.run(program(kind, folder, **options), timeout=90).returncode


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
    assert hashes(kind, tmp_path) == numbers(COUNT)


@pytest.mark.parametrize("kind", FORMATS)
def test_killed_without_a_checkpoint_the_table_knows_the_position(
    kind: Format, tmp_path: Path
) -> None:
    for _ in range(2):
        assert run(kind, tmp_path, die=("committed", 2), checkpoint=False) == -signal.SIGKILL
    assert hashes(kind, tmp_path)
    assert run(kind, tmp_path, checkpoint=False) == 0
    assert hashes(kind, tmp_path) == numbers(COUNT)

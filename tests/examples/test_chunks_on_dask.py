"""The generic example of chunks on Dask does what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="dask.distributed is not installed")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "chunks_on_dask.py"


@pytest.mark.timeout(180)
def test_the_second_run_finds_everything_there(tmp_path: Path) -> None:
    said = [
        subprocess.run(
            [sys.executable, str(EXAMPLE), str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert said == [
        "0 chunks are there, 10 are missing\n",
        "10 chunks are there, 0 are missing\n",
    ]
    files = sorted(tmp_path.rglob("squares/*/*.jsonl"))
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [each["number"] for each in records] == list(range(10_000))
    assert all(each["square"] == each["number"] ** 2 for each in records)

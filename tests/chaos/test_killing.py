"""A few kills in every run of the suite; `hatch run dev:chaos` does many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_kill_9_loses_nothing() -> None:
    command = [sys.executable, "-m", "chaos", "--kills", "4", "--daemon-kills", "0"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing lost" in run.stdout

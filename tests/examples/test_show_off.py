"""The example that shows the library in a minute does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_second_run_goes_on_where_the_first_was_killed() -> None:
    command = [sys.executable, str(ROOT / "examples" / "show_off.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    killed, finished = re.findall(r"--- (?:killed|finished): (\d+) lines", done.stdout)
    assert 0 < int(killed) < int(finished) == 1996, done.stdout
    assert "--- dead letters: 4\n" in done.stdout

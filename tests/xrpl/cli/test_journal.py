"""Lines for systemd's journal: with a level that it understands, and without a time of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("offset", "line"),
    [(0, "<6>in the journal\n<6>in two lines\n<4>careful\n"), (1, " INFO    in the journal\n")],
    ids=["connected to the journal", "sent elsewhere since then"],
)
def test_lines_for_the_journal(tmp_path: Path, offset: int, line: str) -> None:
    code = (
        "from ekspiper.xrpl.cli import _logs\n"
        "_logs.set_up_logs()\n"
        "_logs.log.info('in the journal\\nin two lines')\n"
        "_logs.log.warning('careful')\n"
    )
    with (tmp_path / "stderr").open("w") as file:
        there = os.fstat(file.fileno())
        stream = f"{there.st_dev}:{there.st_ino + offset}"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", code], env=environment, stderr=file, check=True)
    assert line in (tmp_path / "stderr").read_text()

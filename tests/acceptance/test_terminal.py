"""What a person at a terminal sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import MAIN, WITHIN

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def at_terminal(*arguments: object, **env: str) -> str:
    """Run `ekspiper` with a terminal for standard error; everything that it wrote there."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **env},
    )
    os.close(theirs)
    shown = b""
    with pytest.raises(OSError, match="Input/output error"):  # noqa: PT012  # how Linux ends it
        while True:
            shown += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(WITHIN) == 0, shown
    return shown.decode()


def test_one_line_and_then_the_summary(tmp_path: Path) -> None:
    shown = at_terminal("daemon", "--out", tmp_path / "out", COLUMNS="80")
    assert re.search(r"Ledgers .*━.* \d+/120", shown)
    assert "flow_q" not in shown
    assert "behind" not in shown
    rest = shown[shown.rindex("120 ledgers (421 to 540)") :]
    assert "━" not in rest


def test_queues_for_those_who_look_for_the_slow_part(tmp_path: Path) -> None:
    assert "txn_records_flow_q" in at_terminal("--debug", "daemon", "--out", tmp_path / "out")


def test_a_bar_with_the_rate(tmp_path: Path) -> None:
    shown = at_terminal("backfill", "421:540", "--out", tmp_path / "out", NO_COLOR="1")
    assert "/120" in shown
    assert not COLOUR.search(shown)

"""Every command on the page about reading runs as it stands there."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ekspiper.xrpl.replay import KINDS, FaultPlan
from tests.command import ekspiper

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reading.md"
INCOMPLETE = 3


def commands() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("$ ekspiper ")]
    return [shlex.split(line)[2:] for line in lines]


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = commands()
    assert {arguments[0] for arguments in listed} == {
        *("nodes", "backfill", "snapshot", "books", "payments", "verify", "record", "replay"),
    }
    for arguments in listed:
        # One runs until it is interrupted, and tests do not ask public servers.
        if arguments[0] == "replay" or "testnet" in arguments:
            continue
        done = ekspiper(*arguments)
        wanted = INCOMPLETE if "418:423" in arguments else 0
        assert done.code == wanted, f"{arguments}: {done.err}"
    assert (tmp_path / "out/history/ledgers.jsonl").read_bytes().count(b"\n") == 120


def test_faults_on_the_page_are_the_faults_there_are() -> None:
    page = PAGE.read_text()
    specs = [a[a.index("--faults") + 1] for a in commands() if "--faults" in a]
    assert [len(FaultPlan.parse(spec).faults) for spec in specs] == [4]
    for kind in KINDS:
        assert f"`{kind}" in page, kind

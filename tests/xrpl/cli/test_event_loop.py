"""Commands run on uvloop where it is installed, on the standard library's loop elsewhere, and do the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ekspiper.xrpl.event_loop import run_in_event_loop

from .conftest import Cli

LOOPS = ("asyncio", "uvloop")


async def _loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert run_in_event_loop(_loop()) == "uvloop"


def test_without_uvloop_and_without_the_wish_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "uvloop", None)
        assert run_in_event_loop(_loop()) == "asyncio"
    monkeypatch.setenv("EKSPIPER_LOOP", "asyncio")
    assert run_in_event_loop(_loop()) == "asyncio"


def test_a_choice_that_cannot_be_met(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSPIPER_LOOP", "trio")
    done = cli("nodes", "--network", "sample")
    assert (done.code, done.err.strip()) == (
        2,
        "ekspiper: EKSPIPER_LOOP: 'trio' is neither asyncio nor uvloop",
    )
    monkeypatch.setenv("EKSPIPER_LOOP", "uvloop")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    done = cli("nodes", "--network", "sample")
    assert (done.code, "uvloop is not installed" in done.err) == (2, True)


def test_a_backfill_writes_the_same_on_both(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uvloop")
    files = {}
    for loop in LOOPS:
        monkeypatch.setenv("EKSPIPER_LOOP", loop)
        done = cli("backfill", "421:430", "--network", "sample", "--books", "--out", loop)
        assert done.code == 0, done.err
        files[loop] = {file.name: file.read_bytes() for file in Path(loop).glob("*.jsonl")}
    assert files["asyncio"] == files["uvloop"]
    assert all(files["uvloop"].values())

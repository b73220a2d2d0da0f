"""The command line inside the test's own process: quick, and with its exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ekspiper.xrpl.attestation import Notary
from ekspiper.xrpl.cli import main


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines that say what was wrong."""
        lines = self.err.splitlines()
        return [line.removeprefix("ekspiper: ") for line in lines if line.startswith("ekspiper: ")]


Cli = Callable[..., Done]


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Cli]:
    """Runs `ekspiper` with arguments, in an empty folder."""
    for name in os.environ:
        if name.startswith("EKSPIPER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ours = logging.getLogger("ekspiper")
    before = ours.handlers[:], ours.level, ours.propagate

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["ekspiper", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    yield run
    ours.handlers[:], ours.propagate = before[0], before[2]
    ours.setLevel(before[1])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no validator signs is given up soon, and not after half a minute."""
    monkeypatch.setitem(Notary.__init__.__kwdefaults__, "patience", 0.3)

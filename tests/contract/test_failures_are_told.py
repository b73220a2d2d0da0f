"""A contract that fails shows what was expected and what came instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FAILING = """
from ekspiper.core.testing import ListSource, RecordingCollector
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.core.testing.source_contract import SourceContract


class Twice(RecordingCollector):
    async def collect(self, batch):
        await super().collect([*batch, *batch])


class TestTwice(CollectorContract):
    recoverable = False
    remembers = False

    async def make(self, tmp_path):
        self.sink = Twice()
        return self.sink

    async def stored(self):
        return self.sink.items


class TestNoName(SourceContract):
    async def make(self):
        return ListSource("abc", identity="")
"""


def test_assertions_of_the_suites_show_their_values(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILING)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "failed" in result.stdout, result.stdout + result.stderr
    told = [line for line in result.stdout.splitlines() if line.startswith("E  ")]
    assert "E   AssertionError" not in [line.rstrip() for line in told]
    assert any("assert [{'" in line and "==" in line for line in told), told
    assert any("the identity is empty" in line for line in told), told

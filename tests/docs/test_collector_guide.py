"""The collector of the guide, which promises exactly once, passes the contract printed beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "write-a-collector.md"


def titled(title: str) -> str:
    found = re.search(rf'^```python title="{title}"\n(.*?)^```', GUIDE.read_text(), re.M | re.S)
    assert found, title
    return found[1]


def run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_it_passes_its_contract(tmp_path: Path) -> None:
    (tmp_path / "exactly_once.py").write_text(titled("exactly_once.py"))
    test = "from exactly_once import Sqlite\n\n" + titled("test_exactly_once.py")
    (tmp_path / "test_exactly_once.py").write_text(test)
    result = run_in(tmp_path, "-m", "pytest", "-q", "-o", "asyncio_mode=auto")
    assert result.returncode == 0, result.stdout
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed, result.stdout
    assert int(passed[1]) > 15
    assert "skipped" not in result.stdout


KILLED = """
import asyncio, os, sys
from pathlib import Path
from ekspiper.core import CommitPolicy, FileCheckpoint, Flow, IterableSource, Pipeline, Step
from exactly_once import Sqlite

at = int(sys.argv[1])

def work(number):
    if number == at:
        os.kill(os.getpid(), 9)
    return {"number": number}

source = IterableSource(range(1000), identity="numbers")
step = Step(work, collectors=(Sqlite("records.db"),))
pipeline = Pipeline(Flow("f", source=source, steps=(step,)))
asyncio.run(
    pipeline.run(checkpoint=FileCheckpoint("checkpoint.json"), commit=CommitPolicy(items=30))
)
"""


def test_every_record_is_there_once_however_often_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "exactly_once.py").write_text(titled("exactly_once.py"))
    (tmp_path / "killed.py").write_text(KILLED)
    for at in (100, 350, 351, 999):
        assert run_in(tmp_path, "killed.py", str(at)).returncode == -9
    result = run_in(tmp_path, "killed.py", "-1")
    assert result.returncode == 0, result.stderr
    count = "import sqlite3; print(*[row[0] for row in sqlite3.connect('records.db').execute("
    count += "'SELECT record FROM records ORDER BY rowid')], sep='\\n')"
    records = run_in(tmp_path, "-c", count).stdout.split("\n")
    assert records[:-1] == [f'{{"number": {number}}}' for number in range(1000)]

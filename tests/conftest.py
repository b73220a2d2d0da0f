"""What every test may use."""

from __future__ import annotations

from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

from . import ports

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
RECORDING = ROOT.parent / "shared" / "data" / "recording"
"""300 recorded ledgers beside the project, where they are."""

_TOGETHER = {
    "ekspiper.sinks": (
        "xrpl/audit",
        "xrpl/backfill",
        "xrpl/cli",
        "xrpl/client/test_live_follow.py",
        "xrpl/config",
        "xrpl/daemon",
        "xrpl/processors/test_books_as_blocks.py",
        "xrpl/processors/test_ledgers_as_blocks.py",
        "xrpl/recorder",
        "xrpl/snapshot",
    ),
    "ekspiper.xrpl": (
        "sinks/postgres/test_postgres_backfill.py",
        "sinks/postgres/test_postgres_ledgers.py",
        "sinks/postgres/test_postgres_options.py",
    ),
}
"""What one package does with another, which is not tried where a package stands alone."""

_SLOW = ("alerts", "container", "systemd", "xrpl/cluster/test_interrupted.py")
"""What takes minutes, and is run only when it is named: `hatch run dev:alerts`, and so on."""

collect_ignore = [
    *_SLOW,
    *(path for other, paths in _TOGETHER.items() if find_spec(other) is None for path in paths),
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip names the fixture that lacks something, so that all its tests share one line."""
    report = yield
    if report.skipped and report.when == "setup" and call.excinfo is not None:
        ours = [entry for entry in call.excinfo.traceback if TESTS in Path(entry.path).parents]
        if ours and isinstance(report.longrepr, tuple):
            path = Path(ours[-1].path).relative_to(ROOT)
            report.longrepr = (str(path), ours[-1].lineno + 1, report.longrepr[2])
    return report


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    return ports.free_port()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded ledgers beside the project; the test is skipped where they are missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"recorded data is not there: {folder}")
    return folder

"""What every test may use."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
        "xrpl/recorder",
        "xrpl/snapshot",
    ),
    "ekspiper.xrpl": (
        "sinks/postgres/test_postgres_ledgers.py",
        "sinks/postgres/test_postgres_options.py",
    ),
}
"""What one package does with another, which is not tried where a package stands alone."""

collect_ignore = [
    path for other, paths in _TOGETHER.items() if find_spec(other) is None for path in paths
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded ledgers beside the project; the test is skipped where they are missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"recorded data is not there: {folder}")
    return folder

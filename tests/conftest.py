"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT.parent / "shared" / "data" / "recording"
"""300 recorded ledgers beside the project, where they are."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded ledgers beside the project; the test is skipped where they are missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"recorded data is not there: {folder}")
    return folder

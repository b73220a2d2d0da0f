"""The page on the architecture names files that are there, and its trees are those of the packages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROSE = PAGE[: PAGE.index("## The tree")]


def test_the_trees_are_those_of_the_packages() -> None:
    script = ROOT / "docs" / "hooks" / "tree.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)`", PROSE))))
def test_every_file_that_is_named_is_there(name: str) -> None:
    found = list(ROOT.glob(f"packages/*/src/ekspiper/**/{name}"))
    assert found, f"docs/architecture.md names {name}"

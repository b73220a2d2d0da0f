"""Checks the types of every package and of the typed usage: `python -m tests.types`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS: tuple[tuple[str, ...], ...] = (
    ("-p", "ekspiper.core"),
    ("-p", "ekspiper.sinks"),
    ("-p", "ekspiper.xrpl"),
    ("tests/typing/usage.py",),
    ("-p", "chaos"),
    ("-p", "tests.soak"),
)


def main(arguments: Sequence[str]) -> int:
    """Run mypy on each part whose name contains one of `arguments`, all of them by default."""
    failed = 0
    for check in CHECKS:
        if arguments and not any(each in check[-1] for each in arguments):
            continue
        print(f"mypy --strict {' '.join(check)}", flush=True)
        command = [sys.executable, "-m", "mypy", "--strict", *check]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

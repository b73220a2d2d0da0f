"""How the command line was called, for advice that works where the user stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["this_command"]


def this_command() -> str:
    """What to type for `ekspiper` here.

    `hatch run ekspiper` inside `hatch run`, the path of the script where it is not on the PATH,
    and `python -m ekspiper.xrpl` where that was typed.
    """
    environment = os.environ.get("HATCH_ENV_ACTIVE")
    if environment is not None:
        return f"hatch run {'' if environment == 'default' else environment + ':'}ekspiper"
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m ekspiper.xrpl"
    found = shutil.which("ekspiper")
    if called.name != "ekspiper" or (found is not None and _is_same(Path(found), called)):
        return "ekspiper"
    return shlex.quote(sys.argv[0])


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False

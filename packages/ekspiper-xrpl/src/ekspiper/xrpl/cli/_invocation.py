"""How the command line was called, for advice that works where the user stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["this_command"]

# Processes to look at above this one: hatch, a shell in between, and two to spare.
_GENERATIONS = 4


def this_command() -> str:
    """What to type for `ekspiper` here.

    `hatch run ekspiper` inside `hatch run`, with hatch's path where it was called by its path; the
    path of the script where that is not on the PATH; `python -m ekspiper.xrpl` where that was
    typed.
    """
    environment = os.environ.get("HATCH_ENV_ACTIVE")
    if environment is not None:
        # `hatch run NAME` takes the default environment; another one is named before the command.
        inside = "" if environment == "default" else f"{environment}:"
        return f"{_hatch()} run {inside}ekspiper"
    # `python -m` puts the path of __main__.py there.
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m ekspiper.xrpl"
    return "ekspiper" if Path(called).name != "ekspiper" else _as_typed(called)


def _hatch() -> str:
    """How hatch was called: it leaves no trace but its own process, above this one."""
    for words in _commands_above():
        # The program, or the interpreter and then the program.
        for word in words[:2]:
            if Path(word).name == "hatch":
                return _as_typed(word)
    return "hatch"


def _as_typed(called: str) -> str:
    """The name alone, where the shell finds the same program by it; otherwise the path."""
    name = Path(called).name
    # Somebody else's `ekspiper` may come first on the PATH, of another environment.
    found = shutil.which(name)
    try:
        # By the file and not by its path: /usr/bin and /bin are often the same folder.
        is_found = found is not None and Path(found).samefile(called)
    except OSError:
        is_found = False
    return name if is_found else shlex.quote(called)


def _commands_above() -> Iterator[list[str]]:
    """The command lines of the processes above this one; nothing where there is no /proc."""
    process = os.getppid()
    for _ in range(_GENERATIONS):
        folder = Path("/proc") / str(process)
        try:
            yield folder.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
            # The name of the program is in brackets and may hold anything.
            process = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return

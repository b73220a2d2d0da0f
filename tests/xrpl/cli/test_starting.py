"""The command line is interrupted before it has begun."""

from __future__ import annotations

import signal
import subprocess
import sys

_INTERRUPTED = """
import os, signal, sys
class AtTyper:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, AtTyper())
from ekspiper.xrpl.cli import main
main()
"""


def test_an_interrupt_while_it_loads_leaves_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")

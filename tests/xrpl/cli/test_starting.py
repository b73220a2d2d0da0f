"""How the command line is started, and interrupted before it has begun."""

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


def test_it_is_a_module_too() -> None:
    command = [sys.executable, "-m", "ekspiper.xrpl", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith("ekspiper ")


def test_the_replay_process_says_what_it_is_for() -> None:
    command = [sys.executable, "-m", "ekspiper.xrpl.replay", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("to serve a recording: ekspiper replay DIR\n")

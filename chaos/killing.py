"""Starts a program again and again, and kills it at a random moment, until it has ended by itself."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "run_to_its_end"]


@dataclass(frozen=True)
class Outcome:
    """How a program came to its end.

    Args:
        kills: how often it was killed on the way.
        failure: what it said, where it ended with its own error.
    """

    kills: int
    failure: str | None = None


def run_to_its_end(
    command: Sequence[str],
    *,
    log: Path,
    longest: float,
    kills: int,
    after_kill: Callable[[], None] = lambda: None,
    ending: float = 300.0,
) -> Outcome:
    """Kill `command` by SIGKILL at most `kills` times, then let it end.

    Args:
        log: takes its standard output and error.
        longest: seconds; each kill comes at a random moment before.
        after_kill: called after each kill.
        ending: seconds within which it must end when it is not killed any more.
    """
    done = 0
    while True:
        with log.open("wb") as output:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            try:
                child.wait(random.uniform(0.05, longest) if done < kills else ending)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                if done >= kills:
                    return Outcome(done, f"did not end within {ending:.0f} s")
                done += 1
                after_kill()
                continue
        if child.returncode:
            return Outcome(done, log.read_text(errors="replace")[-2000:])
        return Outcome(done)

"""The second part: the daemon on the sample network, against a run that nobody killed."""

from __future__ import annotations

import sys
from pathlib import Path

from .killing import run_to_its_end

__all__ = ["kill_daemon"]


def kill_daemon(folder: Path, *, kills: int) -> bool:
    """Kill the daemon on its way; whether its files hold what those of a quiet run hold."""
    folder.mkdir()
    quiet, killed = folder / "quiet", folder / "killed"
    reference = run_to_its_end(_command(quiet), log=folder / "quiet.log", longest=1, kills=0)
    if reference.failure:
        print(f"daemon: cannot run: {reference.failure}")
        return False
    done, round_, well = 0, 0, True
    while done < kills and well:
        out = killed / str(round_)
        outcome = run_to_its_end(
            _command(out), log=folder / "killed.log", longest=4.0, kills=min(kills - done, 10)
        )
        done += outcome.kills
        round_ += 1
        if outcome.failure:
            print(f"daemon: {outcome.failure}")
        well = outcome.failure is None and _same(quiet, out)
    print(
        f"daemon on the sample network  {done:3} kills  {round_} rounds  {'ok' if well else 'FAILED'}"
    )
    return well


def _command(out: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("ekspiper"))
    return [program, "daemon", "--network", "sample", "--out", str(out)]


def _same(quiet: Path, killed: Path) -> bool:
    well = True
    for path in sorted(quiet.glob("*.jsonl")):
        expected = path.read_bytes().splitlines()
        got = (killed / path.name).read_bytes().splitlines()
        missing = len(set(expected) - set(got))
        doubled = len(got) - len(set(got))
        made_up = len(set(got) - set(expected))
        if missing or doubled or made_up or len(got) != len(expected):
            print(f"daemon: {path.name}: {missing} lost, {doubled} doubled, {made_up} made up")
            well = False
    return well

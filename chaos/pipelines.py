"""The first part: three flows into a file, at several settings."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .killing import run_to_its_end

__all__ = ["SETTINGS", "Setting", "kill_pipeline"]

COUNT = 6000
"""Items, at concurrency 1; more at more."""


@dataclass(frozen=True)
class Setting:
    """How the pipeline runs."""

    sink: str
    concurrency: int
    ordered: bool

    @property
    def count(self) -> int:
        """Items: so many that several kills find it running."""
        together = 5 if self.sink == "block" else 1
        return COUNT * together * (1 + self.concurrency // 4)

    def __str__(self) -> str:
        order = "ordered" if self.ordered else "unordered"
        return f"{self.sink:5}  concurrency {self.concurrency:2}  {order:9}"


SETTINGS = (
    Setting("jsonl", 1, True),
    Setting("jsonl", 4, True),
    Setting("jsonl", 4, False),
    Setting("jsonl", 16, False),
    Setting("block", 1, True),
    Setting("block", 4, False),
    Setting("plain", 1, True),
    Setting("plain", 4, True),
    Setting("plain", 16, False),
)


@dataclass
class Tally:
    """What a kill leaves: rows in the sink behind the checkpoint come again."""

    folder: Path
    in_flight: int = 0

    def note(self) -> None:
        """Add what was in flight at this kill."""
        rows = set(read(self.folder / "records.jsonl"))
        self.in_flight += sum(1 for row in rows if row >= self.position())

    def position(self) -> int:
        """Everything below is checkpointed."""
        try:
            content = json.loads((self.folder / "state.json").read_text())
        except FileNotFoundError:
            return 0
        return content["flows"].get("read", {}).get("position") or 0


def kill_pipeline(setting: Setting, folder: Path, *, kills: int) -> tuple[int, bool]:
    """Kill one pipeline on its way; the kills, and whether all is well. Prints a line."""
    folder.mkdir()
    command = [
        *(sys.executable, "-m", "chaos.child", str(folder)),
        *("--sink", setting.sink, "--count", str(setting.count)),
        *("--concurrency", str(setting.concurrency)),
        *(() if setting.ordered else ("--unordered",)),
    ]
    tally = Tally(folder)
    outcome = run_to_its_end(
        command, log=folder / "log", longest=1.5, kills=kills, after_kill=tally.note
    )
    rows = read(folder / "records.jsonl")
    seen = Counter(rows)
    lost = setting.count - len(seen)
    doubled = len(rows) - len(seen)
    out_of_order = setting.ordered and doubled == 0 and rows != sorted(rows)
    allowed = tally.in_flight if setting.sink == "plain" else 0
    well = not (lost or outcome.failure or out_of_order or doubled > allowed)
    print(
        f"{setting}  {outcome.kills:3} kills  {lost:4} lost  {doubled:5} doubled"
        f" (at most {allowed})  {'ok' if well else 'FAILED'}",
        flush=True,
    )
    if outcome.failure:
        print(outcome.failure)
    return outcome.kills, well


def read(path: Path) -> list[int]:
    """The numbers in the file; a line that a kill cut off does not count."""
    rows = []
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                rows.append(json.loads(line)["n"])
            except ValueError:
                continue
    return rows

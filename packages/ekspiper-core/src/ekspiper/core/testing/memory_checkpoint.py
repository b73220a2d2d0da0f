"""A checkpoint in memory; it goes through JSON, as a file would."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from ..checkpoint import Checkpoint, FlowState, Progress

__all__ = ["MemoryCheckpoint"]


class MemoryCheckpoint(Checkpoint):
    """Outlives a run, as a file does.

    Args:
        failures: raised by the first calls of `save`, one each.
    """

    def __init__(self, failures: Iterable[Exception] = ()) -> None:
        self.saved: list[str] = []
        self.backups: list[str] = []
        self._failures = iter(failures)

    def __str__(self) -> str:
        return "the checkpoint in memory"

    async def load(self) -> Progress | None:
        """What was saved last."""
        if not self.saved:
            return None
        content = json.loads(self.saved[-1])
        flows = {name: FlowState(**state) for name, state in content["flows"].items()}
        return Progress(shape=tuple(content["shape"]), flows=flows)

    async def save(self, progress: Progress) -> None:
        """Remember it, behind what was saved before."""
        failure = next(self._failures, None)
        if failure is not None:
            raise failure
        self.saved.append(json.dumps(asdict(progress)))

    async def back_up(self) -> str:
        """Remember what was saved last, aside."""
        self.backups.append(self.saved[-1])
        return f"backup {len(self.backups)}"

    @property
    def positions(self) -> list[dict[str, object]]:
        """The position of each source, in each checkpoint."""
        return [
            {name: state["position"] for name, state in json.loads(saved)["flows"].items()}
            for saved in self.saved
        ]

"""How far a table is: arithmetic over the row that is committed together with the table's rows.

Rows are numbered in the order in which they came (`_row`), so that any commit can be undone: by
deleting the rows above a number. Three numbers say which rows are there::

    position_rows  <=  snapshot_rows  <=  written_rows
    │                  │                  └ all that may be in the table
    │                  └ those that the last snapshot covers
    └ those that came before or at `position` of the source

They differ rarely. A snapshot may add rows and leave the position where it is: behind a skipped
item, while dead letters are fed back, and in a table of dead letters, which has no position. And
where more rows come between two snapshots than may be held in memory, they are committed early.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ekspiper.core import CheckpointError, Position, State

__all__ = ["Standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one row of `ekspiper_positions` holds.

    Args:
        identity: made with the table; a checkpoint of another one is refused.
        commits: counted, so that after a lost connection it is known whether the last one was.
        position: of the source; None before the first.
    """

    identity: str
    commits: int = 0
    position: Position = None
    position_rows: int = 0
    snapshot_rows: int = 0
    written_rows: int = 0

    @property
    def state(self) -> State:
        """What a snapshot says of itself in a checkpoint."""
        return {"table": self.identity, "rows": self.snapshot_rows, "position": self.position}

    def early(self, rows: int) -> Standing:
        """After committing rows that no snapshot covers yet."""
        return replace(self, commits=self.commits + 1, written_rows=rows)

    def at(self, position: Position, rows: int, *, before: Position = None) -> Standing:
        """After a snapshot.

        Args:
            position: where the runner says that it is. None, the position it is at already, and
                `before` do not move it: rows were added that come again after a restart.
            before: an earlier position: that of the checkpoint, where the table was ahead of it.
        """
        position = json.loads(json.dumps(position))  # as it will be read: a tuple is a list then
        moves = position not in (None, before, self.position)
        return replace(
            self,
            commits=self.commits + 1,
            position=position if moves else self.position,
            position_rows=rows if moves else self.position_rows,
            snapshot_rows=rows,
            written_rows=rows,
        )

    def back_to(self, state: Mapping[str, Any] | None, table: str) -> Standing:
        """After a restart: the rows above its `written_rows` must go.

        With a checkpoint, what stays is what the checkpoint has, and what was committed after it
        together with a later position. Without one, only rows go that no snapshot covers and that
        come again, because there is a position to go on from.

        Raises:
            CheckpointError: the checkpoint is of another table, or of a later state of this one.
        """
        if state is None:
            kept = self.written_rows if self.position is None else self.snapshot_rows
        else:
            self._refuse(state, table)
            kept = max(int(state["rows"]), self.position_rows)
        return replace(self, commits=self.commits + 1, snapshot_rows=kept, written_rows=kept)

    def _refuse(self, state: Mapping[str, Any], table: str) -> None:
        advice = "start from the checkpoint that belongs to it, or begin anew without one"
        if state.get("table") != self.identity:
            raise CheckpointError(
                f"the checkpoint is of another table than {table} is now; put the table back "
                f"that it was taken of, or {advice}"
            )
        if state["rows"] > self.snapshot_rows:
            raise CheckpointError(
                f"{table} holds {self.snapshot_rows} rows up to position {self.position!r}, and "
                f"the checkpoint says {state['rows']} up to {state['position']!r}: rows are "
                f"missing, as after a backup was put back; {advice}"
            )

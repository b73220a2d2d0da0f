"""How far a table has got: arithmetic over the row that is committed with the table's rows.

Rows are numbered in the order in which they came (`_row`), so that any commit can be undone: by
deleting the rows above a number. Three numbers say which rows are there::

    position_rows  <=  snapshot_rows  <=  written_rows
    │                  │                  └ all that may be in the table
    │                  └ those that the last snapshot covers
    └ those that came before or at `position` of the source

They rarely differ. A snapshot may add rows and leave the position as it is: after a skipped item,
while dead letters are fed back, and in a table of dead letters, which has no position. And when more
rows come between two snapshots than may be held in memory, they are committed early.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ekspiper.core import CheckpointError, Position, Retryable, State

__all__ = ["PositionRow", "last_commit", "tell_continuation"]

log = logging.getLogger("ekspiper")


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """What one row of `ekspiper_positions` holds.

    Args:
        identity: made with the table; the checkpoint of another table is refused.
        commits: the number of commits, which tells after a lost connection whether the last one
            took place.
        position: the position of the source; None before the first item.
    """

    identity: str
    commits: int = 0
    position: Position = None
    position_rows: int = 0
    snapshot_rows: int = 0
    written_rows: int = 0

    @property
    def state(self) -> State:
        """The state that a snapshot puts into the checkpoint."""
        return {"table": self.identity, "rows": self.snapshot_rows, "position": self.position}

    def early(self, rows: int) -> PositionRow:
        """After committing rows that no snapshot covers yet."""
        return replace(self, commits=self.commits + 1, written_rows=rows)

    def at(self, position: Position, rows: int, *, before: Position = None) -> PositionRow:
        """After a snapshot.

        Args:
            position: the position that the runner gives. None, the position that is there already, and
                `before` do not change it: the rows that were added come again after a restart.
            before: an earlier position: the checkpoint's, where the table was ahead of it.
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

    def back_to(self, state: Mapping[str, Any] | None, table: str) -> PositionRow:
        """After a restart: the rows above its `written_rows` must go.

        With a checkpoint, the rows that it has stay, and those that were committed after it together
        with a later position. Without one, only rows leave that no snapshot covers and that come
        again, because there is a position to continue from.

        Raises:
            CheckpointError: the checkpoint belongs to another table, or to a later state of this one.
        """
        if state is None:
            kept = self.written_rows if self.position is None else self.snapshot_rows
        else:
            self._refuse(state, table)
            kept = max(int(state["rows"]), self.position_rows)
        return replace(self, commits=self.commits + 1, snapshot_rows=kept, written_rows=kept)

    def _refuse(self, state: Mapping[str, Any], table: str) -> None:
        advice = "start from the checkpoint that belongs to it, or start again without one"
        if state.get("table") != self.identity:
            raise CheckpointError(
                f"the checkpoint belongs to another table than {table} is now; put that table "
                f"back, or {advice}"
            )
        if state["rows"] > self.snapshot_rows:
            raise CheckpointError(
                f"{table} holds {self.snapshot_rows} rows up to position {self.position!r}, and "
                f"the checkpoint says {state['rows']} up to {state['position']!r}: rows are "
                f"missing, as after a backup was put back; {advice}"
            )


def tell_continuation(table: str, state: State | None, position: Position) -> None:
    """Log that a run without a checkpoint continues from a position that a table has."""
    if state is None and position is not None:
        log.warning(
            "%s continues from position %r, where an earlier run left it: records up to there "
            "are left out, whether they are in the table or not",
            table,
            position,
        )


@contextmanager
def last_commit() -> Iterator[None]:
    """Around the commit of a collector that closes: if it fails, the log says so, and no more."""
    try:
        yield
    except (CheckpointError, Retryable) as error:
        log.error("rows that no snapshot covers were not kept: %s", error)

"""What a table format must do for its collector, and the record of how far a table has got."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Protocol

from .._position_row import PositionRow

__all__ = ["LakeTable", "row_as_json", "row_from_json"]


class LakeTable(Protocol):
    """A table of a lake. Every method blocks; call it from a thread.

    Errors that another try may mend are raised as `Retryable`.
    """

    keeps_empty_lists: bool
    """Whether a column tells an empty list from none."""

    def __str__(self) -> str:
        """The table, for messages."""
        ...

    def open(self, schema: Any) -> Any:
        """Load the table, or make it for this schema; the schema that it has, without `_row`."""
        ...

    @property
    def identity(self) -> str:
        """The table's own id, which a table that replaces it does not share."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows in the table."""
        ...

    def position_row(self) -> PositionRow | None:
        """How far the table has got at its newest commit; None where we never wrote to it."""
        ...

    def commit(self, rows: Any, row: PositionRow, *, after: int) -> None:
        """Add rows and write `row`, in one commit; columns that are new are added.

        Args:
            rows: an Arrow table, with `_row`.
            row: follows the newest one.
            after: no row of the table has a higher number; another writer's would be a conflict.
        """
        ...

    def cut_back(self, row: PositionRow) -> None:
        """Delete the rows with a higher number than `row.written_rows`, and write `row`."""
        ...

    def close(self) -> None:
        """Release what was opened."""
        ...


def row_as_json(row: PositionRow) -> str:
    """How far a table has got, as text to put into it."""
    return json.dumps(asdict(row))


def row_from_json(text: str) -> PositionRow:
    """The row that `row_as_json` made this text from."""
    return PositionRow(**json.loads(text))

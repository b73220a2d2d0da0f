"""One column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CELL_KINDS", "Column", "columns"]


class Column(NamedTuple):
    """A name and a type: `Int64`, `Float64`, `boolean`, `string`, `category`, `object`, or `time`
    for seconds of the Unix epoch that become UTC timestamps."""

    name: str
    dtype: str


def columns(**named: str) -> tuple[Column, ...]:
    """Columns in order, by name and type."""
    return tuple(Column(name, dtype) for name, dtype in named.items())


CELL_KINDS: Mapping[str, int] = {
    "Int64": 0,
    "time": 0,
    "Float64": 1,
    "string": 2,
    "category": 3,
    "boolean": 4,
}
"""What the compiled codec calls the types that it can fill: `CellKind` in _table_rows.pxi."""

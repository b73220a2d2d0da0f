"""One column of a table."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Column", "columns"]


class Column(NamedTuple):
    """A name and a type: `Int64`, `Float64`, `boolean`, `string`, `category`, `object`, or `time`
    for seconds of the Unix epoch that become UTC timestamps."""

    name: str
    dtype: str


def columns(**named: str) -> tuple[Column, ...]:
    """Columns in order, by name and type."""
    return tuple(Column(name, dtype) for name, dtype in named.items())

"""Rows back into the records that they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .names import REST, ROW, field_of

__all__ = ["record_of"]


def record_of(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """The record of a row: the columns that are not null, and what `_rest` holds.

    Args:
        columns: the names of the columns, in the order of the row.
        row: the values, as psycopg loads them.
    """
    record: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for column, value in zip(columns, row, strict=True):
        if value is None or column == ROW:
            continue
        if column == REST:
            rest = value
        else:
            record[field_of(column)] = _plain(value)
    return record | rest


def _plain(value: Any) -> Any:
    """A value as the JSON that it was stored from."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.hex().upper() if isinstance(value, bytes) else value

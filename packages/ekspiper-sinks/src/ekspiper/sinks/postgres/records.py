"""The records of a table, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ekspiper.core import ConfigError, Retryable, Secret

from .._json import iso_text
from ._driver import psycopg
from ._names import REST, ROW, field_of, quoted, split
from ._server_errors import is_refusal, told
from ._target import Target

__all__ = ["read_records", "record_of"]

_AT_ONCE = 2_000


def read_records(dsn: Secret | str, table: str) -> Iterator[dict[str, Any]]:
    """Every record of a table, field by field what was collected, in the order of collecting.

    They are those that were committed when the first one is read; a writer may be at work.

    Raises:
        ConfigError: the server refuses, or has no such table.
        Retryable: the server does not answer.
        MissingExtra: psycopg is not installed.
    """
    target = Target(dsn)
    schema, name = split(table)
    full = f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)
    try:
        with (
            psycopg.connect(**target.parameters) as connection,
            connection.cursor("ekspiper_records") as cursor,
        ):
            connection.execute("SET LOCAL TimeZone = 'UTC'")
            cursor.itersize = _AT_ONCE
            cursor.execute(f"SELECT * FROM {full} ORDER BY {quoted(ROW)}")
            columns = [column.name for column in cursor.description or ()]
            for row in cursor:
                yield record_of(columns, row)
    except psycopg.Error as error:
        kind = ConfigError if is_refusal(error) else Retryable
        raise kind(f"the table {table} at {target}: {target.redacted(told(error))}") from None


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
    """A value as it was in the record."""
    if isinstance(value, datetime):
        return iso_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.hex().upper() if isinstance(value, bytes) else value

"""The records of a table, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import ConfigError, Retryable, Secret

from .decoder import record_of
from .extra import psycopg
from .faults import is_refusal, told
from .names import ROW, quoted, split
from .target import Target

__all__ = ["read_records"]

_AT_ONCE = 2_000


def read_records(dsn: Secret | str, table: str) -> Iterator[dict[str, Any]]:
    """Every record of a table, field by field what was collected, in the order of collecting.

    What was committed when the first one is read; a writer may be at work.

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

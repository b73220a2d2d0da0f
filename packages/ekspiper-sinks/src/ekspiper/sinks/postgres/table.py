"""A table: made from a schema, grown with it, refused where it has another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekspiper.core import ConfigError

from .columns import REST, key_for

__all__ = ["Table", "prepare", "quoted"]

_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is in the database.

    Args:
        columns: type by name, without `data`.
        key: the columns of its primary key.
    """

    columns: Mapping[str, str]
    key: tuple[str, ...]


def quoted(name: str) -> str:
    """An identifier, with its schema before a dot if it has one, for a statement."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


async def found(connection: Any, name: str) -> tuple[dict[str, str], tuple[str, ...]] | None:
    """Columns, with their types, and primary key of the table; None where there is none."""
    cursor = await connection.execute(
        "SELECT attname, atttypid::regtype::text, attnum = ANY (coalesce(indkey::int2[], '{}'))"
        " FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [quoted(name)],
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    return {name: kind for name, kind, _ in rows}, tuple(name for name, _, is_key in rows if is_key)


async def prepare(
    connection: Any, name: str, wanted: Mapping[str, str], key: Sequence[str] | None
) -> Table:
    """Make the table, or add the columns that it lacks, or find that it will not do.

    Args:
        wanted: type by column.
        key: of the primary key; None to find it in the columns, or in the table.

    Raises:
        ConfigError: the table has another shape; says which column.
    """
    wanted = await _canonical(connection, name, wanted)
    there = await found(connection, name)
    if there is None:
        chosen = key_for(wanted) if key is None else tuple(key)
        await _create(connection, name, wanted, chosen)
        return Table(wanted, chosen)
    columns, primary = there
    _refuse_other(name, columns, wanted, primary, key)
    for column, kind in {**wanted, REST: "jsonb"}.items():
        if column not in columns:
            await connection.execute(
                f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted_column(column)} {kind}"
            )
    ours = {column: kind for column, kind in columns.items() if column != REST}
    return Table({**ours, **wanted}, primary)


def quoted_column(column: str) -> str:
    """A column's name for a statement."""
    return '"' + column.replace('"', '""') + '"'


def _refuse_other(
    name: str,
    columns: Mapping[str, str],
    wanted: Mapping[str, str],
    primary: tuple[str, ...],
    key: Sequence[str] | None,
) -> None:
    wrong = None
    is_made_from_schema = bool(wanted) and wanted.keys() <= columns.keys() and REST not in columns
    if columns.get(REST) != "jsonb" and not is_made_from_schema:
        wrong = f"it has no column {REST} of type jsonb, so it was made by another program"
    if key is not None and set(key) != set(primary):
        wrong = f"its primary key is ({', '.join(primary)}), not ({', '.join(key)})"
    for column, kind in wanted.items():
        if column in columns and columns[column] != kind:
            wrong = f"its column {column} has type {columns[column]}, not {kind}"
    if wrong:
        raise ConfigError(
            f"the table {name} has another shape: {wrong}; use another table, or change this one"
        )


async def _canonical(connection: Any, name: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """The types as PostgreSQL names them: `int8` is `bigint`."""
    canonical: dict[str, str] = {}
    kinds: dict[str, str | None] = {}
    for column, kind in wanted.items():
        if column == REST or len(column.encode()) > _LONGEST_NAME:
            why = f"the name {REST} is taken" if column == REST else "its name is too long"
            raise ConfigError(f"the table {name} cannot have the column {column}: {why}")
        if kind not in kinds:
            cursor = await connection.execute("SELECT to_regtype(%s)::text", [kind])
            kinds[kind] = (await cursor.fetchone())[0]
        known = kinds[kind]
        if known is None:
            raise ConfigError(f"column {column} of the table {name}: no type is called {kind!r}")
        canonical[column] = known
    return canonical


async def _create(
    connection: Any, name: str, columns: Mapping[str, str], key: Sequence[str]
) -> None:
    for column in key:
        if column not in columns:
            raise ConfigError(
                f"the key of the table {name} has the column {column}, and the schema has not"
            )
    parts = [f"{quoted_column(column)} {kind}" for column, kind in columns.items()]
    parts.append(f"{quoted_column(REST)} jsonb")
    if key:
        parts.append(f"PRIMARY KEY ({', '.join(map(quoted_column, key))})")
    await connection.execute(f"CREATE TABLE {quoted(name)} ({', '.join(parts)})")
    if "ledger_index" in columns and tuple(key)[:1] != ("ledger_index",):
        await connection.execute(f'CREATE INDEX ON {quoted(name)} ("ledger_index")')

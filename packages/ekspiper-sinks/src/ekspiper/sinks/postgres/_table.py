"""The tables on the server: made, grown, compared, and cut back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import uuid4

from ekspiper.core import ConfigError, Retryable

from .._position_row import PositionRow
from ._columns import Column, additions
from ._driver import psycopg
from ._names import ROW, Relation, quoted
from ._session import Session

__all__ = ["Table"]

_POSITIONS = """
    CREATE TABLE {} (
        table_name text PRIMARY KEY,
        identity uuid NOT NULL,
        source text,
        position jsonb,
        position_rows bigint NOT NULL,
        snapshot_rows bigint NOT NULL,
        written_rows bigint NOT NULL,
        commits bigint NOT NULL,
        committed_at timestamptz NOT NULL DEFAULT now()
    )
"""

_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL), attnotnull AND NOT atthasdef AND attidentity = '',
           attgenerated <> '' OR attidentity = 'a'
    FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum
"""

_TYPES = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
"""

_UNIQUE = """
    SELECT FROM pg_index i
    WHERE indrelid = $1::regclass AND indisunique AND indimmediate AND indisvalid
      AND indpred IS NULL AND indexprs IS NULL AND indnkeyatts = cardinality($2::text[])
      AND (SELECT array_agg(attname::text ORDER BY attname::text) FROM pg_attribute
           WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey[0:indnkeyatts - 1]))
        = (SELECT array_agg(name ORDER BY name) FROM unnest($2::text[]) name)
"""

# The advisory lock of making tables: two collectors that make the same one would collide.
_MAKING = 7_160_153_261_870_211_584


class Table:
    """A table and its row in `ekspiper_positions`, in the same schema.

    Args:
        relation: the table's full name.
        wanted: the type of each column, as it is declared.
        key: the columns that tell rows apart; empty where rows have no key.
        source: where the rows come from; None for anywhere.
    """

    def __init__(
        self,
        relation: Relation,
        wanted: Mapping[str, str],
        *,
        key: Sequence[str],
        source: str | None,
    ) -> None:
        self.relation = relation
        self.key = tuple(key)
        self.columns: dict[str, str] = {}
        """The type of each column that rows are written to, as `format_type` names it."""
        self._wanted = wanted
        self._source = source
        self._positions = Relation(relation.schema, "ekspiper_positions")

    async def prepare(self, session: Session) -> PositionRow:
        """Make what is missing, and read how far the table has got.

        Raises:
            ConfigError: the table has other columns, another source, or rows of unknown origin.
            psycopg.Error: the server refuses, or is lost.
        """
        await session.begin()
        # ALTER TABLE waits for every reader of the table, and would block new ones meanwhile.
        await session.run("SET LOCAL lock_timeout = '10s'")
        await session.run("SELECT pg_advisory_xact_lock($1)", _MAKING)
        is_new = not await self._exists(session, self.relation)
        if not await self._exists(session, self._positions):
            await session.run(_POSITIONS.format(self._positions.sql))
        await self._shape(session, is_new)
        row = await self._row_for(session, is_new)
        await session.commit()
        return row

    async def _exists(self, session: Session, relation: Relation) -> bool:
        found = await session.run(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)", relation.sql
        )
        if found and found[0][0] not in ("r", "p"):
            raise ConfigError(f"{relation} is not a table: choose another name")
        return bool(found)

    async def _shape(self, session: Session, is_new: bool) -> None:
        types = await self._types(session)
        name = self.relation.sql
        if is_new:
            # Without columns: a new table and an old one that lacks some then go the same way.
            await session.run(f"CREATE TABLE {name} ()")
        found = {column: Column(*rest) for column, *rest in await session.run(_COLUMNS, name)}
        missing = additions(self.relation, self._wanted, types, found)
        if missing:
            grown = ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in missing)
            await session.run(f"ALTER TABLE {name} {grown}")
        if ROW not in found:
            # BRIN: rows are in the order of this column, so it takes a few kilobytes.
            await session.run(f"CREATE INDEX ON {name} USING brin ({quoted(ROW)})")
        made = dict(await session.run(_TYPES, name))
        self.columns = {column: made[column] for column in self._wanted}
        if self.key and not await session.run(_UNIQUE, name, list(self.key)):
            await self._index(session)

    async def _types(self, session: Session) -> dict[str, str]:
        """The name that the server has for each declared type."""
        types = {}
        for type_ in set(self._wanted.values()):
            base = type_.partition("(")[0] + type_.rpartition(")")[2] if "(" in type_ else type_
            [(found,)] = await session.run("SELECT format_type(to_regtype($1)::oid, NULL)", base)
            if found is None:
                columns = [name for name, each in self._wanted.items() if each == type_]
                raise ConfigError(
                    f"the column {columns[0]!r} has the type {type_!r}, which the server does "
                    "not know"
                )
            types[type_] = found
        return types

    async def _index(self, session: Session) -> None:
        columns = ", ".join(map(quoted, self.key))
        try:
            await session.run(f"CREATE UNIQUE INDEX ON {self.relation.sql} ({columns})")
        except psycopg.errors.UniqueViolation as error:
            raise ConfigError(
                f"{self.relation} holds rows with the same {', '.join(self.key)}: "
                f"{error.diag.message_detail}; remove them, or give another key"
            ) from None

    async def _row_for(self, session: Session, is_new: bool) -> PositionRow:
        row = await self.position_row(session)
        # Its position would skip records that the new table does not have.
        if row is not None and is_new:  # the table was dropped, and its row was not
            await self.forget(session)
            row = None
        if row is None:
            await self._refuse_other_source(session)
            if not self.key and not is_new and not await self.is_empty(session):
                raise ConfigError(
                    f"{self.relation} has rows that ekspiper did not write, so it is not known "
                    "which records it holds; choose another table, or give a key, so that records "
                    "that are there already are left out"
                )
            return await self._begin(session)
        await self._refuse_other_source(session)
        [(source,)] = await session.run(
            f"SELECT source FROM {self._positions.sql} WHERE table_name = $1",
            self.relation.position_name,
        )
        if source is None and self._source is not None:
            await session.run(
                f"UPDATE {self._positions.sql} SET source = $2 WHERE table_name = $1",
                self.relation.position_name,
                self._source,
            )
        return row

    async def _refuse_other_source(self, session: Session) -> None:
        found = await session.run(
            f"SELECT source FROM {self._positions.sql} WHERE table_name IN ($1, $2)",
            self.relation.name,
            self.relation.position_name,
        )
        for (source,) in found:
            if None not in (source, self._source) and source != self._source:
                raise ConfigError(
                    f"{self.relation} holds records of {source!r}, not of {self._source!r}: choose "
                    "another table"
                )

    async def _begin(self, session: Session) -> PositionRow:
        row = PositionRow(identity=str(uuid4()))
        await session.run(
            f"INSERT INTO {self._positions.sql} (table_name, identity, source, position_rows, "
            "snapshot_rows, written_rows, commits) VALUES ($1, $2, $3, 0, 0, 0, 0)",
            self.relation.position_name,
            row.identity,
            self._source,
        )
        return row

    async def position_row(self, session: Session) -> PositionRow | None:
        """How far the table had got at the last commit; None for a table that is new here."""
        found = await session.run(
            "SELECT identity::text, commits, position::text, position_rows, snapshot_rows, "
            f"written_rows FROM {self._positions.sql} WHERE table_name = $1",
            self.relation.position_name,
        )
        if not found:
            return None
        identity, commits, position, position_rows, snapshot_rows, written_rows = found[0]
        return PositionRow(
            identity=identity,
            commits=commits,
            position=None if position is None else json.loads(position),
            position_rows=position_rows,
            snapshot_rows=snapshot_rows,
            written_rows=written_rows,
        )

    async def write(self, session: Session, row: PositionRow) -> None:
        """Write the row in the open transaction; it follows the row that is there.

        Raises:
            Retryable: somebody else has changed it.
        """
        position = row.position
        changed = await session.run(
            f"UPDATE {self._positions.sql} SET position = $2::jsonb, position_rows = $3, "
            "snapshot_rows = $4, written_rows = $5, commits = $6, committed_at = now() "
            # The count makes it a comparison and a change in one: a second writer changes nothing
            # here.
            "WHERE table_name = $1 AND identity = $7 AND commits = $6 - 1 RETURNING 1",
            self.relation.position_name,
            None if position is None else json.dumps(position),
            row.position_rows,
            row.snapshot_rows,
            row.written_rows,
            row.commits,
            row.identity,
        )
        if not changed:
            raise Retryable(
                f"the row of {self.relation} in {self._positions} was changed by somebody else"
            )

    async def forget(self, session: Session) -> None:
        """Delete the row of the table."""
        await session.run(
            f"DELETE FROM {self._positions.sql} WHERE table_name = $1", self.relation.position_name
        )

    async def is_empty(self, session: Session) -> bool:
        """Whether it has no row."""
        return not await session.run(f"SELECT FROM {self.relation.sql} LIMIT 1")

    async def begin_anew(self, session: Session) -> PositionRow:
        """Give an empty table a new row."""
        await session.begin()
        await self.forget(session)
        row = await self._begin(session)
        await session.commit()
        return row

    async def cut_back(self, session: Session, row: PositionRow) -> None:
        """Delete the rows that came after `row` was written, and write that one.

        In a lane they stay: nobody knows whose they are. They come again, and the key tells.
        """
        await session.begin()
        if not self.relation.lane:
            await session.run(
                f"DELETE FROM {self.relation.sql} WHERE {quoted(ROW)} > $1", row.written_rows
            )
        await self.write(session, row)
        await session.commit()

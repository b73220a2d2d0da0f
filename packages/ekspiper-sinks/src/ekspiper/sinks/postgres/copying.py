"""COPY of lines into a table, past rows that are there already and rows that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .driver import driver, is_of_a_row
from .table import quoted, quoted_column

__all__ = ["Copying"]

_INCOMING = "pg_temp.ekspiper_incoming"


class Copying:
    """Copies lines within an open transaction.

    Args:
        table: its name.
        columns: of the lines.
        key: of the primary key; a row whose key is there already is passed over.
    """

    def __init__(self, table: str, columns: Sequence[str], key: Sequence[str]) -> None:
        self.key = tuple(key)
        self._table = quoted(table)
        self._columns = ", ".join(map(quoted_column, columns))
        self._sees_known = False

    async def copy(
        self, connection: Any, lines: list[bytes]
    ) -> tuple[list[bytes], dict[int, Exception]]:
        """Copy the lines; those that are kept, and why others are not, by their place.

        Raises:
            psycopg.Error: anything that is not the fault of a row.
        """
        if not lines:
            return [], {}
        try:
            await self._attempt(connection, lines)
        except driver().Error as error:
            if not is_of_a_row(error):
                raise
            if len(lines) == 1:
                return [], {0: error}
        else:
            return lines, {}
        middle = len(lines) // 2
        kept, refused = await self.copy(connection, lines[:middle])
        more, others = await self.copy(connection, lines[middle:])
        return kept + more, {**refused, **{at + middle: error for at, error in others.items()}}

    async def _attempt(self, connection: Any, lines: list[bytes]) -> None:
        """All of the lines or none. New rows go straight in; known ones show by their key."""
        if not self._sees_known:
            try:
                await self._in_savepoint(connection, self._straight, lines)
            except driver().errors.UniqueViolation:
                if not self.key:
                    raise
            else:
                return
        await self._in_savepoint(connection, self._past_known, lines)

    async def _in_savepoint(self, connection: Any, action: Any, lines: list[bytes]) -> None:
        await connection.execute("SAVEPOINT batch")
        try:
            await action(connection, lines)
        except driver().Error:
            if not connection.closed:
                await connection.execute("ROLLBACK TO batch")
            raise
        await connection.execute("RELEASE batch")

    async def _straight(self, connection: Any, lines: list[bytes]) -> None:
        await self._fill(connection, self._table, lines)

    async def _past_known(self, connection: Any, lines: list[bytes]) -> None:
        await connection.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS ekspiper_incoming (LIKE {self._table})"
        )
        await connection.execute(f"TRUNCATE {_INCOMING}")
        await self._fill(connection, _INCOMING, lines)
        cursor = await connection.execute(
            f"INSERT INTO {self._table} ({self._columns})"
            f" SELECT {self._columns} FROM {_INCOMING} ON CONFLICT DO NOTHING"
        )
        self._sees_known = cursor.rowcount < len(lines)

    async def _fill(self, connection: Any, table: str, lines: list[bytes]) -> None:
        cursor = connection.cursor()
        async with cursor.copy(f"COPY {table} ({self._columns}) FROM STDIN") as copy:
            await copy.write(b"".join(lines))

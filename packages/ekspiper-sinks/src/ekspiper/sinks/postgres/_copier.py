"""Copies rows into the open transaction, and finds those that the server refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ekspiper.core import Permanent

from ._driver import psycopg
from ._names import ROW, quoted
from ._server_errors import is_of_rows, told
from ._session import Session
from ._table import Table

__all__ = ["Copied", "Copier"]

# COPY takes any size; larger pieces are one write to the socket instead of hundreds.
# Lines that are sent together.
_CHUNK = 256


@dataclass(slots=True)
class Copied:
    """The outcome of copying rows.

    Args:
        data: the rows that were kept, in the format of COPY, in one text or several.
        failures: why the other rows were not kept, by their place.
    """

    data: list[bytes] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)


class Copier:
    """Copies rows into one table.

    Rows are copied straight into the table. When the table has a key, and already has a row of the
    batch, the batch is copied into a temporary table, from which only new rows are taken. So are
    the next batches, until one has nothing but new rows.

    Args:
        columns: the columns of the rows, as SQL lists them.
    """

    def __init__(self, table: Table, columns: str) -> None:
        name = table.relation.sql
        key = ", ".join(map(quoted, table.key))
        self._has_key = bool(key)
        self._repeats = False
        self._direct = f"COPY {name} ({columns}) FROM STDIN"
        self._stage = (
            f"CREATE TEMPORARY TABLE IF NOT EXISTS ekspiper_stage (LIKE {name} INCLUDING DEFAULTS) "
            "ON COMMIT DELETE ROWS"
        )
        self._aside = f"COPY pg_temp.ekspiper_stage ({columns}) FROM STDIN"
        self._take = (
            f"WITH taken AS (INSERT INTO {name} ({columns}) SELECT {columns} "
            f"FROM pg_temp.ekspiper_stage ORDER BY {quoted(ROW)} ON CONFLICT ({key}) DO NOTHING "
            "RETURNING 1) SELECT count(*) = (SELECT count(*) FROM pg_temp.ekspiper_stage) FROM taken"
        )

    async def copy(self, session: Session, lines: Sequence[bytes]) -> Copied:
        """Copy rows; the ones that the server refuses are found by halving.

        Raises:
            psycopg.Error: the rows are not at fault. The transaction is lost.
        """
        copied = Copied()
        spans = [range(len(lines))] if lines else []
        while spans:
            span = spans.pop()
            part = lines[span.start : span.stop]
            try:
                await self.replay(session, part)
            except psycopg.Error as error:
                if not is_of_rows(error):
                    raise
                await session.run("ROLLBACK TO SAVEPOINT batch")
                # The server names the first bad row only, and not always: halving finds them all.
                if len(span) == 1:
                    copied.failures[span.start] = _refused(error)
                else:
                    middle = span.start + len(span) // 2
                    spans += [range(middle, span.stop), range(span.start, middle)]
            else:
                copied.data.append(b"".join(part))
        return copied

    async def replay(self, session: Session, data: Sequence[bytes]) -> None:
        """Copy rows, all or none."""
        await session.begin()
        await session.run("SAVEPOINT batch")
        # Straight into the table is quicker, and right until a record comes a second time.
        if not self._repeats:
            try:
                await session.copy(self._direct, _joined(data))
            except psycopg.errors.UniqueViolation:
                if not self._has_key:
                    raise
                await session.run("ROLLBACK TO SAVEPOINT batch")
                self._repeats = True
        if self._repeats:
            await session.run(self._stage)
            await session.copy(self._aside, _joined(data))
            [(all_new,)] = await session.run(self._take)
            await session.run("TRUNCATE pg_temp.ekspiper_stage")
            # Repetitions come together, after a restart: once a batch was all new, the quick way
            # is tried again.
            self._repeats = not all_new
        await session.run("RELEASE SAVEPOINT batch")


def _joined(lines: Sequence[bytes]) -> list[bytes]:
    return [b"".join(lines[start : start + _CHUNK]) for start in range(0, len(lines), _CHUNK)]


def _refused(error: psycopg.Error) -> Permanent:
    column = error.diag.column_name
    where = f", column {column!r}" if column else ""
    return Permanent(f"PostgreSQL does not take the record{where}: {told(error)}")

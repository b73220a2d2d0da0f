"""The collector that writes to a table of PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    CheckpointError,
    Collector,
    ConfigError,
    Permanent,
    PipelineError,
    Position,
    Retryable,
    Secret,
    State,
)

from .aside import Aside
from .columns import KNOWN, field_of
from .copying import Copying
from .driver import connect, described, driver, translated
from .lines import Lines
from .positions import Held, advance, claim, held
from .table import Table, found, prepare

__all__ = ["Postgres"]


class Postgres(Collector[Any]):
    """Writes records to a table of PostgreSQL. Exactly once, with a checkpoint.

    Rows are copied into a transaction that a checkpoint commits, together with the position in
    the table `ekspiper_positions`; so whichever side is killed, and whenever, they agree. Until
    then the rows are also kept here, aside, so that a lost connection costs nothing: they are
    copied again. Where the table has a key, a row that is there already is passed over.

    A field has a column, or stands in the column `data` of type jsonb; so does a value that its
    column could not give back as it is.

    Args:
        dsn: where the database is: `postgresql://user@host:5432/database`. With a password it
            comes as a secret.
        table: its name, with a schema before a dot if need be. It is made when it is missing,
            and gets the columns that it lacks.
        key: columns of the primary key; by default those that tell the records of their kind
            apart (`hash` for transactions), as far as there are any; an empty list for none.
        schema: SQL type by column; without it, typed columns for what all records of a kind
            have, as the first ones show it. A field `ctid` stands in the column `ctid_`.

    Raises:
        ConfigError: the dsn cannot be read.
        MissingExtra: psycopg is not installed.
    """

    schema_format = "postgres"
    """What `schema` is to be, for whoever makes the collector from a configuration."""

    batch_policy = BatchPolicy(count=2_000, bytes=16 * 1024 * 1024, period=0.5)

    def __init__(
        self,
        dsn: Secret | str,
        *,
        table: str,
        key: list[str] | None = None,
        schema: dict[str, str] | None = None,
    ) -> None:
        driver()
        if not table or not all(table.split(".")) or "\0" in table:
            raise ConfigError(f"{table!r} is no name of a table")
        if schema is not None and not isinstance(schema, Mapping):
            raise ConfigError(f"schema is a table of column = type, not {type(schema).__name__}")
        self.table = table
        self._dsn = dsn
        self._where = described(dsn)
        self._key = key
        self._schema = schema
        self._connection: Any = None
        self._copying: Copying | None = None
        self._lines: Lines | None = None
        self._aside = Aside()
        self._held: Held | None = None
        self._committing: int | None = None
        self._is_open = False
        self._restored = False

    async def open(self) -> None:
        """Log in, claim the table, and make or check it.

        Raises:
            ConfigError: user, password or database are wrong, or the table has another shape.
            Retryable: the server cannot be reached.
        """
        if self._is_open:
            return
        self._is_open = True
        async with self._talking(opening=True):
            connection = await self._connected()
            if self._schema is not None:
                await self._prepare(connection, self._schema)
            else:
                there = await found(connection, self.table)
                if there is not None:
                    await self._prepare(connection, {})

    async def close(self) -> None:
        """Log out. In a run, rows that no snapshot committed come again, and are given up here.

        Raises:
            Retryable: outside a run, the rows could not be committed and are lost.
        """
        if not self._is_open:
            return
        try:
            if self._aside and not self._restored:
                async with self._talking():
                    await self._commit(None)
        finally:
            self._is_open = self._restored = False
            self._aside.clear()
            await self._disconnect()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Copy a batch into the open transaction.

        Raises:
            BatchError: these members cannot be stored: NaN, a NUL character, no key.
            Retryable: the server is gone or full; nothing of the batch is stored.
        """
        self._check_open()
        if not batch:
            return
        async with self._talking():
            connection = await self._connected()
            if self._lines is None:
                await self._prepare(connection, self._inferred(batch))
            assert self._lines is not None
            assert self._copying is not None
            lines, places, failures = self._lines.encode(batch)
            await self._begin(connection)
            kept, refused = await self._copying.copy(connection, lines)
            self._aside.append(kept)
        for at, error in refused.items():
            failures[places[at]] = Permanent(f"PostgreSQL refuses the record: {error}")
            self._aside.append(kept)
        if failures:
            raise BatchError(dict(sorted(failures.items())))

    async def snapshot(self, position: Position) -> State:
        """Commit the rows together with the position.

        Raises:
            Retryable: the server is gone or full; the rows are kept here.
        """
        self._check_open()
        async with self._talking():
            await self._commit(json.dumps(position))
        assert self._held is not None
        return {"id": self._held.id, "commits": self._held.commits}

    async def restore(self, state: State | None) -> Position | None:
        """The position up to which the table holds everything; None without a checkpoint.

        Raises:
            CheckpointError: the checkpoint is of another table, or the table lost rows since.
        """
        self._check_open()
        self._restored = True
        if state is None:
            return None
        async with self._talking():
            await self._connected()
        assert self._held is not None
        if state["id"] != self._held.id or state["commits"] > self._held.commits:
            is_other = state["id"] != self._held.id
            what = "is of another table" if is_other else "says more than the table holds"
            raise CheckpointError(
                f"the checkpoint {what}: {self.table} at {self._where}; use the database that it "
                "was taken with, or begin anew without the checkpoint"
            )
        return self._held.position

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError(f"the collector of {self.table} is not open")

    @asynccontextmanager
    async def _talking(self, *, opening: bool = False) -> AsyncIterator[None]:
        """Whatever goes wrong ends the connection: the next one starts from what is known."""
        try:
            yield
        except driver().Error as error:
            await self._disconnect()
            raise translated(error, self._where, opening=opening) from error
        except ConfigError as error:
            await self._disconnect()
            if opening:
                raise
            raise Retryable(str(error)) from error
        except BaseException:
            await self._disconnect()
            raise

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Any:
        """The connection; a new one has the rows that the last one lost in its transaction."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = self._connection = await connect(self._dsn)
        await claim(connection, self.table)
        now = await held(connection, self.table)
        known, self._held = self._held, now
        if known is None:
            return connection
        if now.commits == self._committing:
            self._aside.clear()  # the answer to our COMMIT was lost, and it was a yes
        elif (now.id, now.commits) != (known.id, known.commits):
            raise PipelineError(
                f"{self.table} at {self._where} is not what it was before the connection was lost; "
                "start again from the checkpoint"
            )
        await self._copy_again(connection)
        return connection

    async def _copy_again(self, connection: Any) -> None:
        if self._copying is None or not self._aside:
            return
        await self._begin(connection)
        for lines in self._aside.lines():
            await self._copying.copy(connection, lines)

    async def _begin(self, connection: Any) -> None:
        if connection.info.transaction_status == driver().pq.TransactionStatus.IDLE:
            await connection.execute("BEGIN")

    async def _commit(self, position: str | None) -> None:
        connection = await self._connected()
        assert self._held is not None
        if not self._aside and position in (None, json.dumps(self._held.position)):
            return
        await self._begin(connection)
        self._committing = self._held.commits + 1
        await advance(connection, self.table, self._committing, position)
        await connection.execute("COMMIT")
        held_now = self._held.position if position is None else json.loads(position)
        self._held = Held(self._held.id, self._committing, held_now)
        self._committing = None
        self._aside.clear()

    def _inferred(self, batch: Sequence[Any]) -> dict[str, str]:
        fields = {name for record in batch if isinstance(record, dict) for name in record}
        columns = {name: kind for name, kind in KNOWN.items() if field_of(name) in fields}
        for column in self._key or ():
            values = (each.get(field_of(column)) for each in batch if isinstance(each, dict))
            is_number = any(type(value) is int for value in values)
            columns.setdefault(column, "bigint" if is_number else "text")
        return columns

    async def _prepare(self, connection: Any, columns: Mapping[str, str]) -> None:
        """Make the table fit, in a transaction of its own: there are no rows yet."""
        async with connection.transaction():
            table: Table = await prepare(connection, self.table, columns, self._key)
        self._lines = Lines(table.columns, table.key)
        self._copying = Copying(self.table, self._lines.names, table.key)

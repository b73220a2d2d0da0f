"""The collector that writes tables of PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    Collector,
    ConfigError,
    Position,
    Secret,
    State,
)

from .._position_row import last_commit, tell_continuation
from ._columns import declared
from ._encoder import Encoder
from ._names import refuse_name, split
from ._table import Table
from ._target import Target
from ._writer import Writer
from .records import read_records

__all__ = ["Postgres"]

# Rows of a lane come before all others, and are never those that a restart takes back.
_FIRST_IN_A_LANE = -(2**62)


class Postgres(Collector[Any]):
    """Writes records to a table of PostgreSQL. Exactly once, with a checkpoint or without.

    A snapshot commits the rows since the last one and the position of the source, in one
    transaction. Readers never see a row that is taken back later, with one exception: see
    `buffer_bytes`. Until the commit, rows are in the open transaction and in memory; when the
    connection or the server is lost, they are sent again. A restart continues from the position
    that was committed.

    The collector makes the table and its row in `ekspiper_positions`, in the same schema, where
    they are missing, and adds columns. `read_records` gives back each record as it was: what no
    column can give back exactly is in the column `_rest`, as JSON. `_row` numbers the rows in the
    order in which they came. Records that cannot be stored fail alone.

    One collector writes a table, but for lanes. Connect to the server itself, or to a pool that leaves the
    connection to one client: the collector holds a lock on it, so a pool by transaction cannot
    work.

    Args:
        dsn: the database, as libpq takes it: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.
        table: the name of the table, after its schema and a dot where it needs one. Mixed case is
            kept.
        key: columns that tell records apart. A record whose key is there already is left out.
        schema: the type of each column in SQL, by name. Without it the columns are `ledger_index`,
            `hash` and `close_time_iso`.
        lane: a name under which to write beside the table's own writer, for example a backfill
            beside a daemon. It needs a `key`: records that either of the two has stored are left
            out. The lane has its own position, and its rows are numbered below 0.
        source: where the records come from, such as the network. A table with records from
            elsewhere is refused. A table that has no source yet gets this one.
        buffer_bytes: roughly the most bytes of rows between two snapshots that are held in memory.
            More rows than that are committed without a position; readers see them, and a crash
            takes them back.
        timeout: seconds that a statement may take.
        lock_timeout: seconds to wait for another writer of the table that is about to end.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: psycopg is not installed.
    """

    read_records = staticmethod(read_records)
    schema_format = "postgres"
    """The form of `schema` when the collector is made from a configuration."""

    # A batch is a COPY, and each costs a round trip: large batches hide the latency.
    batch_policy = BatchPolicy(count=5_000, bytes=16 * 1024 * 1024, period=0.5)

    def __init__(
        self,
        dsn: Secret | str,
        *,
        table: str,
        key: list[str] | None = None,
        schema: Any = None,
        lane: str | None = None,
        source: str | None = None,
        buffer_bytes: int = 64 * 1024 * 1024,
        timeout: float = 60.0,
        lock_timeout: float = 10.0,
    ) -> None:
        _refuse_numbers(buffer_bytes=buffer_bytes, timeout=timeout, lock_timeout=lock_timeout)
        split(table)
        self.table = table
        self._key = list(key or ())
        for name in self._key:
            refuse_name(name, "a key")
        if lane and not self._key:
            raise ConfigError(
                f"lane {lane!r} needs a key: without one nobody can tell which records the table's "
                "own writer has stored"
            )
        self._first_row = _FIRST_IN_A_LANE if lane else 0
        self._columns = declared(schema, self._key)
        self._source = source
        self._buffer_bytes = buffer_bytes
        self._new_writer = partial(
            Writer, Target(dsn), table, lane=lane or "", timeout=timeout, lock_timeout=lock_timeout
        )
        self._writer: Writer | None = None
        self._encoder: Encoder | None = None
        self._rows = 0
        self._before: Position = None

    async def open(self) -> None:
        """Connect, become the writer of the table, and make or grow it.

        Raises:
            ConfigError: the server refuses; the table has other columns, or rows from elsewhere.
            Retryable: the server does not answer; or another collector is writing the table.
        """
        if self._writer is not None:
            return
        writer = self._new_writer()
        table = await writer.open(
            lambda relation: Table(relation, self._columns, key=self._key, source=self._source)
        )
        self._encoder = Encoder(table.columns, key=self._key)
        writer.begin(self._encoder.columns)
        self._writer, self._before = writer, None
        self._rows = writer.position_row.written_rows

    async def close(self) -> None:
        """Release the table. Rows that no snapshot covers are not kept, and come again.

        A table without a position, as one of dead letters, keeps them.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            with last_commit():
                if writer.pending_bytes and writer.position_row.position is None:
                    await writer.commit(lambda row: row.at(None, self._rows))
        finally:
            await writer.close()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Add the rows of a batch to the transaction, or nothing of it.

        Raises:
            BatchError: these members cannot be stored: NaN, a character U+0000, a broken rule.
            Retryable: the server is lost or full, or has changed; no row of the batch was added.
        """
        writer, encoder = self._opened(), self._encoder
        assert encoder is not None, "it is made with the writer"
        if writer.pending_bytes >= self._buffer_bytes:
            await writer.commit(lambda row: row.early(self._rows))
        # In a thread, as thousands of rows take tens of milliseconds.
        rows = await asyncio.to_thread(encoder.encode, batch, after=self._first_row + self._rows)
        failures = rows.failures
        if rows.lines:
            copied = await writer.copy(rows.lines)
            failures |= {rows.places[line]: error for line, error in copied.failures.items()}
        # Members that failed use up a number, too: numbers tell the order, and gaps do no harm.
        self._rows += len(batch)
        if failures:
            raise BatchError(failures)

    async def snapshot(self, position: Position) -> State:
        """Commit the rows together with the position.

        Raises:
            Retryable: the server is lost or full; the rows are still held.
        """
        writer = self._opened()
        await writer.commit(lambda row: row.at(position, self._rows, before=self._before))
        return writer.position_row.state

    async def restore(self, state: State | None) -> Position | None:
        """Take back what no snapshot covers, and say up to which position the table is complete.

        Raises:
            CheckpointError: the checkpoint belongs to another table, or to a later state of this one.
            Retryable: the server is lost.
        """
        writer = self._opened()
        now = writer.position_row
        row = now.back_to(state, self.table)
        if state is None and now.position is not None and await writer.is_empty():
            await writer.begin_anew()
        elif row.written_rows < now.written_rows:
            await writer.cut_back(row)
        elif row.snapshot_rows != now.snapshot_rows:
            await writer.commit(lambda _: row)
        self._rows = writer.position_row.written_rows
        self._before = None if state is None else state["position"]
        position = writer.position_row.position
        tell_continuation(f"the table {self.table}", state, position)
        return position

    def _opened(self) -> Writer:
        if self._writer is None:
            raise RuntimeError(f"the collector of the table {self.table} is not open")
        return self._writer


def _refuse_numbers(*, buffer_bytes: int, timeout: float, lock_timeout: float) -> None:
    if buffer_bytes < 0 or lock_timeout < 0:
        raise ConfigError("buffer_bytes and lock_timeout must not be negative")
    if timeout < 0.001:
        raise ConfigError(f"timeout must be more than 0 seconds, not {timeout}")

"""The collector of a table of a lake: blocking work goes to threads, one call at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    Collector,
    Position,
    State,
    in_thread,
)

from .._checks import refuse_unless_positive
from .._position_row import last_commit, tell_continuation
from .lake_table import LakeTable
from .lake_writer import LakeWriter

__all__ = ["LakeCollector"]


class LakeCollector(Collector[Any]):
    """Writes records to a table of a lake. The formats inherit it.

    Args:
        table: makes the table, which is not open, with this many ledgers in a partition.
        schema: an Arrow schema; None finds one in the records.
        partition_ledgers: the number of ledgers in a partition.
        buffer_bytes: the most bytes of rows between two snapshots that are held in memory.
    """

    schema_format = "arrow"
    """The form of `schema` when the collector is made from a configuration."""

    takes_lines = takes_blocks = True
    """Records that come as lines are read into columns without their objects, where they fit."""

    # Arrow encodes a column at a time, so large batches cost less for each record.
    batch_policy = BatchPolicy(count=5_000, bytes=32 * 1024 * 1024, period=1.0)

    def __init__(
        self,
        table: Callable[[int], LakeTable],
        *,
        schema: Any,
        partition_ledgers: int,
        buffer_bytes: int,
    ) -> None:
        refuse_unless_positive(partition_ledgers=partition_ledgers, buffer_bytes=buffer_bytes)
        self._table = table(partition_ledgers)
        self._schema = schema
        self._buffer_bytes = buffer_bytes
        self._writer: LakeWriter | None = None

    async def open(self) -> None:
        """Load the table, or make it.

        Raises:
            ConfigError: it cannot be made, has other columns, or rows that we did not write.
            Retryable: the catalog or the store does not answer.
        """
        if self._writer is not None:
            return
        writer = LakeWriter(self._table, self._schema)
        try:
            await in_thread(writer.open)
        except BaseException:
            self._table.close()
            raise
        self._writer = writer

    async def close(self) -> None:
        """Release the table. Rows that no snapshot covers are not kept, and come again.

        A table without a position, as one of dead letters, keeps them.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            with last_commit():
                # Without a checkpoint nobody takes snapshots, and these rows would not come again.
                if writer.row.position is None:
                    await in_thread(writer.snapshot, None)
        finally:
            self._table.close()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Buffer the rows of a batch; commit early where too many wait.

        Raises:
            BatchError: these members cannot be stored: NaN, keys that are not text, a `Decimal`
                where no decimal column is.
            Retryable: the store fails; nothing of the batch was added.
        """
        writer = self._opened()
        if writer.pending_bytes > self._buffer_bytes:
            await in_thread(writer.commit_early)
        encoded = await in_thread(writer.encode, batch)
        writer.add(encoded)
        # After the others were added: a bad record must not cost its neighbours.
        if encoded.failures:
            raise BatchError(encoded.failures)

    async def snapshot(self, position: Position) -> State:
        """Commit the rows together with the position.

        Raises:
            Retryable: the store fails, or the outcome is unknown; another try doubles nothing.
            CheckpointError: another writer has changed the table.
        """
        return await in_thread(self._opened().snapshot, position)

    async def restore(self, state: State | None) -> Position | None:
        """Take back what no snapshot covers, and say up to which position the table is complete.

        Raises:
            CheckpointError: the checkpoint belongs to another table, or to a later state of this.
            Retryable: the store fails.
        """
        position = await in_thread(self._opened().restore, state)
        tell_continuation(str(self._table), state, position)
        return position

    def _opened(self) -> LakeWriter:
        if self._writer is None:
            raise RuntimeError(f"the collector of {self._table} is not open")
        return self._writer

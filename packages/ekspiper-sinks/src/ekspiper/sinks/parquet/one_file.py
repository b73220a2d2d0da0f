"""One Parquet file, written from beginning to end: for a part of a dataset that lands whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ekspiper.core import BatchError, BatchPolicy, Collector, Retryable, in_thread

from .._arrow import (
    Encoder,
    LineReader,
    arrow,
    arrow_parquet,
    encoded_apart,
    has_blocks,
    plain_records,
    rows_in_order,
    with_rest,
)
from .._checks import reason_of

__all__ = ["OneFile", "is_one_file"]

# Metadata of the file's schema: its records are all of it, whatever stands beside it.
_MARK = {b"ekspiper": b"one file"}


def is_one_file(source: Any) -> bool:
    """Whether `OneFile` wrote the file, which is a path or what pyarrow can read."""
    metadata = arrow_parquet().read_schema(source).metadata or {}
    return _MARK.items() <= metadata.items()


class OneFile(Collector[Any]):
    """Writes records to one Parquet file. It is whole when the collector is closed, not before.

    It does not lock, commit or continue: write it aside, and move it where readers look. What
    `read_records` needs is in the file, so it reads folders of such files as well as datasets.

    Args:
        path: the file; replaced where it exists.
        schema: a `pyarrow.Schema` of the records. What no column holds is kept in `_rest`.
        row_group_rows: the most rows in a row group, and in memory.
        compression: how columns are compressed.
        empty_lists: whether columns may hold an empty list; without, it is kept in `_rest`.

    Raises:
        ConfigError: JSON values cannot fill a column of the schema.
        MissingExtra: pyarrow is not installed.
    """

    schema_format = "arrow"
    takes_lines = takes_blocks = True
    batch_policy = BatchPolicy(count=5_000, bytes=32 * 1024 * 1024, period=1.0)

    def __init__(
        self,
        path: str | Path,
        *,
        schema: Any,
        row_group_rows: int = 50_000,
        compression: str = "zstd",
        empty_lists: bool = True,
    ) -> None:
        arrow()
        self.path = Path(path)
        marked = with_rest(schema).with_metadata(_MARK)
        self._encoder = Encoder(marked, empty_lists=empty_lists)
        self._line_reader = LineReader(marked, empty_lists=empty_lists)
        self._row_group_rows = row_group_rows
        self._compression = compression
        self._batches: list[Any] = []
        self._writer: Any = None
        self.rows = 0

    async def open(self) -> None:
        """Begin the file."""
        if self._writer is None:
            self._writer = arrow_parquet().ParquetWriter(
                self.path, self._encoder.schema, compression=self._compression
            )

    async def close(self) -> None:
        """Write what is buffered, and the end of the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                await in_thread(self._write, writer)
            finally:
                await in_thread(writer.close)

    async def collect(self, batch: Sequence[Any]) -> None:
        """Add a batch.

        Raises:
            BatchError: these members cannot be stored: NaN, keys that are not text.
            Retryable: the disk is full, or fails in another way.
        """
        batches, failures = await in_thread(self._encode, batch)
        held = sum(each.num_rows for each in self._batches)
        # Before the batch is added, so that a row group is never larger than it should be.
        if held and held + sum(each.num_rows for each in batches) > self._row_group_rows:
            try:
                await in_thread(self._write, self._writer)
            except OSError as error:
                raise Retryable(f"cannot write {self.path}: {reason_of(error)}") from error
        self._batches += batches
        self.rows += sum(each.num_rows for each in batches)
        if failures:
            raise BatchError(failures)

    def _encode(self, batch: Sequence[Any]) -> tuple[list[Any], dict[int, Exception]]:
        """The batch as Arrow, in its order, and why some members are not in it."""
        if not has_blocks(batch):
            return self._encode_members(batch)
        found = self._line_reader.read_blocks(batch)
        return encoded_apart(batch, self._encode_members) if found is None else ([found], {})

    def _encode_members(self, batch: Sequence[Any]) -> tuple[list[Any], dict[int, Exception]]:
        found, missing = self._line_reader.read(batch)
        if found is None:
            batches, failures, _ = self._encoder.encode(plain_records(batch))
            return batches, failures
        if not missing:
            return [found], {}
        table, _, failures = rows_in_order(batch, found, missing, self._encoder)
        return table.to_batches(), failures

    def _write(self, writer: Any) -> None:
        if self._batches:
            table = arrow().Table.from_batches(self._batches, self._encoder.schema)
            writer.write_table(table, row_group_size=self._row_group_rows)
            self._batches = []

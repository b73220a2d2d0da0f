"""The collector that writes Parquet datasets."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    CheckpointError,
    Collector,
    ConfigError,
    Position,
    Retryable,
    State,
    in_thread,
)

from .._arrow import arrow
from .._checks import reason_of, refuse_unless_positive
from ._dataset import Dataset
from ._writer import Writer
from .one_file import OneFile
from .records import read_records

__all__ = ["Parquet"]

T = TypeVar("T")

Compression = Literal["zstd", "snappy", "gzip", "lz4", "none"]


class Parquet(Collector[Any]):
    """Writes records to a Parquet dataset. Exactly once, with a checkpoint.

    The dataset is a folder. Records with an integer `ledger_index` are in a folder below it for
    each range of ledgers. A checkpoint makes rows survive a power failure, and a restart takes back
    what came after it. Readers see whole files only: whenever enough rows or seconds have come
    together, and everything after `close`. `read_records` gives back each record as it was: what no
    column can hold is in the column `_rest`, as JSON.

    Without a schema, one is found in the records. It grows with them, and the files with it, while
    the dataset has at most `widen_rows` rows; after that, new fields go to `_rest`. `Decimal`,
    `datetime`, `date` and `bytes` get columns of these types, and come back as they were. In a
    schema that you give, a decimal column takes `Decimal` as well as text, and gives back text.

    Args:
        path: the dataset's folder, or its URL in an object store, such as `s3://bucket/name`,
            whose credentials are taken from the environment. The manifest and unfinished files are
            beside it, in `.NAME.ekspiper`: readers find nothing but whole files.
        schema: a `pyarrow.Schema`. A text field with the metadata `ekspiper: json` holds JSON.
        partition_ledgers: the number of ledgers in a folder. Records without an integer
            `ledger_index` are in the dataset's folder itself.
        row_group_rows: the most rows in a row group, and in the buffer.
        buffer_bytes: the most bytes in the buffer. As many may be on their way to the disk.
        compression: how columns are compressed.
        compact: let a file grow aside until it has a quarter of a row group, or `visible_seconds`
            have passed, and make one file of 16 small ones. Without it, each checkpoint adds a
            file, however small.
        visible_seconds: readers see new rows after at most this many seconds.
        widen_rows: a dataset with more rows keeps its schema.
        json_columns: fields that are kept as JSON text, where the schema is found in the records.
        depth: levels of structs in a schema that is found; what lies deeper is JSON text.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: pyarrow is not installed.
    """

    schema_format = "arrow"
    """The form of `schema` when the collector is made from a configuration."""

    read_records = staticmethod(read_records)
    """The function `read_records`, for code that finds this class by its name."""

    one_file = OneFile
    """The class `OneFile`, for the same reason."""

    takes_lines = takes_blocks = True
    """Records that come as lines are read into columns without their objects, where they fit."""

    # Arrow encodes a column at a time, so large batches cost less for each record.
    batch_policy = BatchPolicy(count=5_000, bytes=32 * 1024 * 1024, period=1.0)

    def __init__(
        self,
        path: str | Path,
        *,
        schema: Any = None,
        partition_ledgers: int = 100_000,
        row_group_rows: int = 50_000,
        buffer_bytes: int = 128 * 1024 * 1024,
        compression: Compression = "zstd",
        compact: bool = True,
        visible_seconds: float = 60.0,
        widen_rows: int = 50_000,
        json_columns: list[str] | None = None,
        depth: int = 3,
    ) -> None:
        pa = arrow()
        refuse_unless_positive(
            partition_ledgers=partition_ledgers,
            row_group_rows=row_group_rows,
            buffer_bytes=buffer_bytes,
            depth=depth,
        )
        if compression not in get_args(Compression):
            known = ", ".join(get_args(Compression))
            raise ConfigError(f"compression is one of {known}, not {compression!r}")
        if schema is not None and not isinstance(schema, pa.Schema):
            raise ConfigError(f"schema is a pyarrow.Schema, not {type(schema).__name__}")
        self._dataset = Dataset(path, compression=compression, row_group_rows=row_group_rows)
        self.path = self._dataset.path
        self._options: dict[str, Any] = {
            "schema": schema,
            "partition_ledgers": partition_ledgers,
            "row_group_rows": row_group_rows,
            "buffer_bytes": buffer_bytes,
            "widen_rows": widen_rows,
            "json_columns": tuple(json_columns or ()),
            "depth": depth,
            "compact": compact,
        }
        self._writer: Writer | None = None
        self._writing: asyncio.Future[None] | None = None
        self._visible_seconds = visible_seconds
        self._revealed = -math.inf

    async def open(self) -> None:
        """Lock the dataset, and complete or clean up what a crash left.

        Raises:
            ConfigError: it cannot be written, is in use, or has another schema.
        """
        if self._writer is not None:
            return
        try:
            await in_thread(self._dataset.open)
            self._writer = Writer(self._dataset, **self._options)
        except OSError as error:
            self._dataset.close()
            raise ConfigError(
                f"cannot write the dataset {self.path}: {reason_of(error)}; choose another "
                "folder or give access"
            ) from error
        except BaseException:
            self._dataset.close()
            raise

    async def close(self) -> None:
        """Publish what is not in a checkpoint yet, and release the dataset.

        Raises:
            Retryable: the disk fails, and rows that no checkpoint holds are lost.
        """
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                await self._wait()
            # Without a position: these rows are behind the checkpoint, and a restart that has one
            # takes them back.
            if writer is not None and writer.has_more:
                await self._on_disk(partial(writer.publish, None, reveal=True))
        finally:
            self._dataset.close()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Buffer a batch, or nothing of it, and have the buffer written when it is full.

        It is written while more is collected. If that fails, the next batch that needs room is
        refused, or the next snapshot; the rows stay.

        Raises:
            BatchError: these members cannot be stored: NaN, keys that are not text, a `Decimal`
                where no decimal column is.
            Retryable: the disk is full, or fails in another way.
        """
        writer = self._opened()
        # Encode first, then touch the buffer: a batch is added whole or not at all.
        encoded = await in_thread(writer.encode, batch)
        could_not_write = self._writing is None and writer.is_leaving
        if could_not_write or writer.is_full(encoded):
            await self._make_room(writer)
        writer.add(encoded)
        if encoded.failures:
            raise BatchError(encoded.failures)

    async def snapshot(self, position: Position) -> State:
        """Make everything collected a durable part of the dataset.

        Raises:
            Retryable: the disk is full, or fails in another way; the rows stay in the buffer.
        """
        writer, now = self._opened(), time.monotonic()
        await self._wait()
        reveal = now - self._revealed >= self._visible_seconds
        state = await self._on_disk(partial(writer.publish, position, reveal=reveal))
        if reveal:
            self._revealed = now
        return state

    async def restore(self, state: State | None) -> Position | None:
        """Take back the rows that came after a snapshot. Without one, keep what is there.

        Raises:
            CheckpointError: it belongs to another dataset, or the dataset cannot go back so far.
        """
        writer = self._opened()
        await self._wait()
        if state is None:
            return None
        if state["dataset"] != self._dataset.manifest.id:
            raise CheckpointError(
                f"the checkpoint belongs to another dataset than {self.path}: put that folder "
                "back, or start again without the checkpoint"
            )
        await self._on_disk(writer.take_back, state["generation"])
        return None

    async def _make_room(self, writer: Writer) -> None:
        """Empty the buffer. What was in it is written while the next rows come: one buffer at a time."""
        await self._wait()
        if writer.is_leaving or not writer.writes_aside:
            await self._on_disk(writer.flush)
            return
        writer.hand_over()
        self._writing = asyncio.ensure_future(asyncio.to_thread(writer.write))

    async def _wait(self) -> None:
        """Until no thread writes. What one could not write is tried again by the next to write."""
        while self._writing is not None:
            try:
                await asyncio.wait((self._writing,))
            except asyncio.CancelledError:
                # However long it takes: the dataset may be closed next.
                await asyncio.wait((self._writing,))
                raise
            self._writing.exception()
            self._writing = None

    def _opened(self) -> Writer:
        if self._writer is None:
            raise RuntimeError(f"the collector of {self.path} is not open")
        return self._writer

    async def _on_disk(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return await in_thread(function, *arguments)
        except OSError as error:
            raise Retryable(f"cannot write the dataset {self.path}: {reason_of(error)}") from error

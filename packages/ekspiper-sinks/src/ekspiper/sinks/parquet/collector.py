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
)

from .arrow import arrow
from .dataset import Dataset
from .reading import read_records
from .writer import Writer

__all__ = ["Parquet"]

T = TypeVar("T")

Compression = Literal["zstd", "snappy", "gzip", "lz4", "none"]


class Parquet(Collector[Any]):
    """Writes records to a Parquet dataset. Exactly once, with a checkpoint.

    The dataset is a folder, with a folder in it for each range of ledgers where records have an
    integer `ledger_index`. A checkpoint makes its rows
    survive a power failure, and a restart takes back what came after it. Readers see whole files
    only, whenever enough rows or seconds have come together, and all rows after `close`. A record
    comes back as it was (`read_records`): what no column can hold stands in `_rest`, as JSON.

    Without a schema, one is found in the records. `Decimal`, `datetime`, `date` and `bytes` get
    columns of these types in it, and come back as they were. A decimal column of a given schema
    takes `Decimal` as well as text, and gives back text.

    A schema that was found in the records grows with them, and the files with it, as long as the dataset has at most `widen_rows` rows; new fields then go to `_rest`.

    Args:
        path: the dataset's folder. The manifest and unfinished files are in `.NAME.ekspiper`
            beside it, so that readers see nothing but whole files.
        schema: a `pyarrow.Schema`; a text field with the metadata `ekspiper: json` holds JSON.
        partition_ledgers: ledgers in a folder. Files with records that have no integer
            `ledger_index` are in the dataset's folder itself.
        row_group_rows: rows in a row group at most, and rows that are buffered.
        buffer_bytes: bytes that are buffered at most.
        compression: of the columns.
        compact: let a file grow aside until it has a quarter of a row group, or `visible_seconds`
            have passed; and make 16 small files that readers see one. Without it, each checkpoint
            adds a file, however small.
        visible_seconds: see above.
        widen_rows: see above.
        json_columns: fields kept as JSON text, where the schema is found in the records.
        depth: levels of structs in such a schema; what lies deeper is JSON text.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: pyarrow is not installed.
    """

    schema_format = "arrow"
    """What `schema` is to be, for whoever makes the collector from a configuration."""

    read_records = staticmethod(read_records)
    """Reads a dataset, for whoever found this class by its name."""

    batch_policy = BatchPolicy(count=5_000, bytes=32 * 1024 * 1024, period=1.0)

    def __init__(
        self,
        path: Path,
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
        for name, value in (
            ("partition_ledgers", partition_ledgers),
            ("row_group_rows", row_group_rows),
            ("buffer_bytes", buffer_bytes),
            ("depth", depth),
        ):
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, not {value}")
        if compression not in get_args(Compression):
            known = ", ".join(get_args(Compression))
            raise ConfigError(f"compression is one of {known}, not {compression!r}")
        if schema is not None and not isinstance(schema, pa.Schema):
            raise ConfigError(f"schema is a pyarrow.Schema, not {type(schema).__name__}")
        self.path = Path(path)
        self._dataset = Dataset(self.path, compression=compression, row_group_rows=row_group_rows)
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
        self._visible_seconds = visible_seconds
        self._revealed = -math.inf

    async def open(self) -> None:
        """Lock the dataset, and complete or clean up what a crash left.

        Raises:
            ConfigError: it cannot be written, is in use, or has another shape.
        """
        if self._writer is not None:
            return
        try:
            await _in_thread(self._dataset.open)
            self._writer = Writer(self._dataset, **self._options)
        except OSError as error:
            self._dataset.close()
            raise ConfigError(
                f"cannot write the dataset {self.path}: {error.strerror or error}; choose another "
                "folder or give access"
            ) from error
        except BaseException:
            self._dataset.close()
            raise

    async def close(self) -> None:
        """Publish what no checkpoint did, and give the dataset free.

        Raises:
            Retryable: the disk fails, and rows that no checkpoint holds are lost.
        """
        writer, self._writer = self._writer, None
        try:
            if writer is not None and writer.has_more:
                await self._on_disk(partial(writer.publish, None, reveal=True))
        finally:
            self._dataset.close()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Buffer a batch, or nothing of it, and write the buffer out when it is full.

        Raises:
            BatchError: these members cannot be stored: NaN, keys that are not text, a `Decimal`
                where no decimal column is.
            Retryable: the disk is full, or fails in another way.
        """
        writer = self._opened()
        encoded = await _in_thread(writer.encode, batch)
        if writer.is_full(encoded):
            await self._on_disk(writer.flush)
        writer.add(encoded)
        if encoded.failures:
            raise BatchError(encoded.failures)

    async def snapshot(self, position: Position) -> State:
        """Make everything collected a durable part of the dataset.

        Raises:
            Retryable: the disk is full, or fails in another way; the rows stay in the buffer.
        """
        writer, now = self._opened(), time.monotonic()
        reveal = now - self._revealed >= self._visible_seconds
        state = await self._on_disk(partial(writer.publish, position, reveal=reveal))
        if reveal:
            self._revealed = now
        return state

    async def restore(self, state: State | None) -> Position | None:
        """Take back the rows that came after a snapshot; without one, keep what is there.

        Raises:
            CheckpointError: it is of another dataset, or the dataset cannot go back so far.
        """
        writer = self._opened()
        if state is None:
            return None
        if state["dataset"] != self._dataset.manifest.id:
            raise CheckpointError(
                f"the checkpoint is of another dataset than {self.path}: put the folder back that "
                "it was taken of, or begin anew without the checkpoint"
            )
        await self._on_disk(writer.take_back, state["generation"])
        return None

    def _opened(self) -> Writer:
        if self._writer is None:
            raise RuntimeError(f"the collector of {self.path} is not open")
        return self._writer

    async def _on_disk(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return await _in_thread(function, *arguments)
        except OSError as error:
            raise Retryable(
                f"cannot write the dataset {self.path}: {error.strerror or error}"
            ) from error


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run it off the loop. Cancelled, it is waited for: nothing may go on behind our back."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

"""Chunks of ledgers in Iceberg tables: a chunk takes the place of the rows of its ledgers."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from ekspiper.core.chunks import Chunk, ChunkStore, FolderStore, Staged, cut
from ekspiper.sinks.parquet import OneFile

from .._arrow import arrow, arrow_parquet, with_rest
from .._lake import LEDGER, ROW, canonical
from ._catalog import CatalogSettings
from ._table import IcebergTable

__all__ = ["ChunkTables", "chunk_file"]

NAMESPACE = "xrpl"
_PUBLISHING = ".chunks/publishing"
_STAGING = ".chunks/staging"
_PARQUET = ".parquet"
_ALL = 2**40


def chunk_file(path: str | Path, *, schema: Any) -> OneFile:
    """A file of rows as a table of Iceberg has them, for `ChunkTables`. Arguments as in `OneFile`."""
    kept = IcebergTable.keeps_empty_lists
    return OneFile(path, schema=canonical(with_rest(schema)), empty_lists=kept)


chunk_file.schema_format = OneFile.schema_format  # type: ignore[attr-defined]


class ChunkTables(ChunkStore):
    """A folder as the warehouse of Iceberg tables `xrpl.NAME`, with a catalog in SQLite.

    Workers write their rows aside, as Parquet; one process commits them. Each table gets a commit for
    each chunk, which replaces the rows of these ledgers: done twice, it is as if done once. That of
    the last table makes the chunk count; what a crash left of the others is taken back by `repair`.

    Args:
        path: the folder.
        tables: as in `ChunkStore`. Those that do not end in `.parquet` are files of the folder.
        partition: how many ledgers have a partition of their own.
    """

    def __init__(
        self,
        path: str | Path,
        tables: Sequence[str],
        *,
        partition: int = 100_000,
        unit: str = "ledgers",
    ) -> None:
        super().__init__(tables, partition=partition, unit=unit)
        self.path = Path(path).absolute()
        self._files = FolderStore(path, tables, partition=partition, unit=unit)
        self._partition_ledgers = partition
        self._tables: dict[str, IcebergTable] = {}
        self._keeps_open = False

    def __getstate__(self) -> dict[str, Any]:
        # Catalogs stay here.
        return {**self.__dict__, "_tables": {}, "_keeps_open": False}

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder; a crash releases the lock, too."""
        with self._files.locked(), self._tables_kept_open():
            yield

    @contextmanager
    def _tables_kept_open(self) -> Iterator[None]:
        """Close what is opened at the end; of the outermost, if there are several."""
        # Who only reads does not lock, and must not leave the connections of a catalog behind.
        if self._keeps_open:
            yield
            return
        self._keeps_open = True
        try:
            yield
        finally:
            self._keeps_open = False
            for table in self._tables.values():
                table.close()
            self._tables.clear()

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; for one of a chunk, its rows as Parquet, without those of no use."""
        chunk, table = _chunk_of(name)
        if chunk is None:
            return self._files.read(name)
        with self._tables_kept_open():
            found = self._table(table)
            if found is None:
                return None
            rows = found.read(["*"], chunk.first, chunk.last)
        if not rows.num_rows:
            return None
        content = io.BytesIO()
        arrow_parquet().write_table(rows.sort_by(ROW).drop_columns([ROW]), content)
        return content.getvalue()

    def write(self, name: str, content: bytes) -> None:
        """Put a small file in place."""
        self._files.write(name, content)

    def chunks(self, table: str | None = None) -> list[Chunk]:
        """The ledgers that are there, a partition at most in a chunk."""
        with self._tables_kept_open():
            found = self._table(PurePosixPath(table or self.tables[-1]).stem)
            if found is None:
                return []
            column = found.read([LEDGER], 0, _ALL).column(LEDGER)
        return cut(_runs(sorted(set(column.to_pylist()))), self._partition_ledgers)

    def publish(self, staged: Staged) -> None:
        """Commit the rows of a chunk, those of the last table last."""
        chunk = staged.chunk
        self._files.write(_PUBLISHING, chunk.name.encode())
        for table in self.tables:
            source = f"{staged.folder}/{table}"
            if not table.endswith(_PARQUET):
                if table in staged.tables:
                    self._files._move(source, self.place(table, chunk))
            elif table in staged.tables:
                rows = arrow_parquet().read_table(self.path / source)
                name = PurePosixPath(table).stem
                self._made(name, rows.schema).replace(_numbered(rows, chunk), *_ends(chunk))
            else:
                self._forget(table, chunk)
        self._remove([_PUBLISHING])
        self.discard(staged)

    def withdraw(self, chunk: Chunk) -> None:
        """Remove the rows of a chunk, those of the last table first."""
        for table in (self.tables[-1], *self.tables[:-1]):
            self._forget(table, chunk)
            self._remove([self.place(table, chunk)])

    def repair(self) -> None:
        """Remove what a crash left: staged files, and rows of a chunk that does not count yet."""
        shutil.rmtree(self.path / _STAGING, ignore_errors=True)
        # The name of the chunk that was being published, written before the first of its rows.
        begun = self._files.read(_PUBLISHING)
        chunk = Chunk.named(begun.decode()) if begun is not None else None
        if chunk is None:
            return
        last = self._table(PurePosixPath(self.tables[-1]).stem)
        if last is None or not last.read([LEDGER], *_ends(chunk)).num_rows:
            for table in self.tables[:-1]:
                self._forget(table, chunk)
        self._remove([_PUBLISHING])

    def _forget(self, table: str, chunk: Chunk) -> None:
        found = self._table(PurePosixPath(table).stem) if table.endswith(_PARQUET) else None
        if found is not None:
            found.remove(*_ends(chunk))

    def _table(self, name: str) -> IcebergTable | None:
        """A table; None where it was not made yet."""
        if name not in self._tables and not self._of(name).exists():
            return None
        return self._made(name, arrow().schema([]))

    def _made(self, name: str, schema: Any) -> IcebergTable:
        if name not in self._tables:
            table = self._of(name)
            table.open(canonical(schema))
            self._tables[name] = table
        return self._tables[name]

    def _of(self, name: str) -> IcebergTable:
        settings = CatalogSettings(None, self.path)
        return IcebergTable(
            settings, f"{NAMESPACE}.{name}", partition_ledgers=self._partition_ledgers
        )

    def _names(self, folder: str) -> Iterable[str]:
        return self._files._names(folder)

    def _move(self, source: str, target: str) -> None:
        self._files._move(source, target)

    def _remove(self, names: Iterable[str]) -> None:
        self._files._remove(names)

    def _writing(self, staging: str) -> AbstractContextManager[Path]:
        return self._files._writing(staging)


def _ends(chunk: Chunk) -> tuple[int, int]:
    return chunk.first, chunk.last


def _numbered(rows: Any, chunk: Chunk) -> Any:
    """With the column `_row`, by which rows sort as they were written, whatever the chunks were."""
    pa = arrow()
    # No ledger has a million rows, so the numbers of two chunks are never the same.
    numbers = pa.array(range(rows.num_rows), type=pa.int64())
    numbers = pa.compute.add(numbers, chunk.first << 20)
    return rows.replace_schema_metadata(None).add_column(0, pa.field(ROW, pa.int64()), numbers)


def _chunk_of(name: str) -> tuple[Chunk | None, str]:
    """The chunk and the table of which a file would be, in a store of files."""
    path = PurePosixPath(name)
    if path.suffix != _PARQUET or len(path.parts) != 3:
        return None, ""
    return Chunk.named(path.stem), path.parts[0]


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of numbers that follow one another."""
    if not indexes:
        return
    first = indexes[0]
    for before, index in pairwise(indexes):
        if index != before + 1:
            yield first, before
            first = index
    yield first, indexes[-1]

"""Where chunks land: written aside by workers, moved into place by one process."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import ConfigError
from .chunk import Chunk

__all__ = ["Aside", "ChunkStore", "Staged"]

HIDDEN = ".chunks"
STAGING = f"{HIDDEN}/staging"
"""Readers skip names that begin with a dot."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What a worker has written aside: the tables of one chunk.

    Attributes:
        chunk: the chunk.
        folder: where the files are, below the store.
        tables: the names of its files.
    """

    chunk: Chunk
    folder: str
    tables: tuple[str, ...]


@dataclass(slots=True)
class Aside:
    """A place for a worker's files.

    Attributes:
        folder: a local folder; write a file of each table there, under the table's name.
        staged: what was written; set when the context has ended without an error.
    """

    folder: Path
    staged: Staged | None = field(default=None)


class ChunkStore(ABC):
    """Tables with a file for each chunk, which readers see whole or not at all.

    A worker writes `aside`; nothing that it does can be seen. One process, which has the store
    `locked`, publishes what workers have returned. It derives from the store itself which chunks
    are there, so a run that was stopped continues with any executor. A worker of an earlier run
    that is still at work does no harm: nobody publishes what it returns.

    Stores are pickled to reach the workers; they hold no connection and no secret then.

    Args:
        tables: names of files, for example `squares.jsonl`. The last one is the commit: a chunk is
            there when its file in that table is.
        partition: how many numbers have a folder of their own in each table.
        unit: what the numbers count, for the names of these folders.
    """

    def __init__(
        self, tables: Sequence[str], *, partition: int = 100_000, unit: str = "items"
    ) -> None:
        if not tables:
            raise ConfigError("a store needs at least one table, for example squares.jsonl")
        self.tables = tuple(tables)
        self._partition = partition
        self._unit = unit

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, for messages; without secrets."""

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from publishing for as long as the context lasts.

        Raises:
            ConfigError: another process has it.
        """

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The bytes of a file, by its name below the store; None when it is missing."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Put a small file in place, whole or not at all."""

    @abstractmethod
    def _names(self, folder: str) -> Iterable[str]:
        """The names below the store of all files in a folder and the folders in it."""

    @abstractmethod
    def _move(self, source: str, target: str) -> None:
        """Put a staged file in place; when this returns, a crash cannot undo it."""

    @abstractmethod
    def _remove(self, names: Iterable[str]) -> None:
        """Remove files; that one is gone already is fine."""

    @abstractmethod
    def _writing(self, staging: str) -> AbstractContextManager[Path]:
        """A local folder whose files are at `staging` when the context ends without an error."""

    @contextmanager
    def aside(self, chunk: Chunk) -> Iterator[Aside]:
        """A place for the files of a chunk; with an error, nothing of them is kept."""
        # Random, so that two workers with the same chunk do not share it.
        staging = f"{STAGING}/{chunk.name}-{os.urandom(8).hex()}"
        with self._writing(staging) as folder:
            aside = Aside(folder)
            yield aside
            # A table without rows has no file; the last one of the store decides whether the chunk
            # is there.
            written = tuple(table for table in self.tables if (folder / table).exists())
        aside.staged = Staged(chunk, staging, written)

    def place(self, table: str, chunk: Chunk) -> str:
        """The name below the store of the file of a chunk."""
        name = PurePosixPath(table)
        first = chunk.first - chunk.first % self._partition
        # Padded, so that names sort as numbers do.
        folder = f"{self._unit}-{first:010d}-{first + self._partition - 1:010d}"
        return f"{name.stem}/{folder}/{chunk.name}{name.suffix}"

    def chunks(self, table: str | None = None) -> list[Chunk]:
        """The chunks that are there; or those that have a file in `table`."""
        name = PurePosixPath(table or self.tables[-1])
        files = (PurePosixPath(each) for each in self._names(name.stem))
        named = (Chunk.named(file.stem) for file in files if file.suffix == name.suffix)
        return sorted(chunk for chunk in named if chunk is not None)

    def publish(self, staged: Staged) -> None:
        """Move the files of a chunk into place, that of the last table last.

        Readers see a whole file at any time. Published again, a chunk replaces itself.
        """
        for table in self.tables:
            if table in staged.tables:
                self._move(f"{staged.folder}/{table}", self.place(table, staged.chunk))
        self.discard(staged)

    def discard(self, staged: Staged) -> None:
        """Remove what is left of a chunk in staging: it was published, or is not to be."""
        self._remove(f"{staged.folder}/{table}" for table in staged.tables)

    def withdraw(self, chunk: Chunk) -> None:
        """Remove a chunk that was published, as it is not to be used."""
        # In this order, so that after a crash it is not there, and `repair` removes the rest.
        self._remove([self.place(self.tables[-1], chunk)])
        self._remove([self.place(table, chunk) for table in self.tables[:-1]])

    def repair(self) -> None:
        """Remove what a crash left: staged files, and files of chunks that are not there whole.

        Call it when the store is locked.
        """
        self._remove(self._names(STAGING))
        # The last table decides: its file is moved last, so a chunk with that file is whole.
        whole = set(self.chunks())
        for table in self.tables[:-1]:
            torn = [chunk for chunk in self.chunks(table) if chunk not in whole]
            self._remove(self.place(table, chunk) for chunk in torn)

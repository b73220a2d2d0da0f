"""The files of a dataset: staged aside, published together, taken back after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ekspiper.core import CheckpointError, ConfigError, FileLock, sync_folder

from .._arrow import arrow_parquet
from ._manifest import Entry, Manifest

__all__ = ["Dataset", "hidden_folder"]


def hidden_folder(path: Path) -> Path:
    """Where the manifest and unfinished files of the dataset at `path` are: beside it.

    Not in it, because readers take every file below the dataset's folder for a part of it.
    """
    return path.with_name(f".{path.name}.ekspiper")


class Dataset:
    """The files of one dataset. Every method blocks; call it from a thread.

    A file is written in the staging folder. The manifest that names it is the commit; then it is
    moved into place, which a restart completes.

    Args:
        path: the folder; made when it is missing.
        compression: of the columns.
        row_group_rows: the most rows in a row group.

    Raises:
        ConfigError: the folder is in use, is not a dataset of ekspiper, or cannot be written.
    """

    def __init__(self, path: Path, *, compression: str, row_group_rows: int) -> None:
        self.path = path
        self.manifest = Manifest()
        self._hidden = hidden_folder(path)
        self._staging = self._hidden / "staging"
        self._file = self._hidden / "manifest.json"
        self._compression = compression
        self._row_group_rows = row_group_rows
        self._lock = FileLock(self._hidden / "lock")

    def open(self) -> None:
        """Lock the dataset, and complete or clean up what a crash left."""
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is a file; a Parquet dataset is a folder")
        self._staging.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)
        if self.path.stat().st_dev != self._hidden.stat().st_dev:
            raise ConfigError(
                f"{self.path} is on another file system than {self._hidden}, so no file can be "
                f"moved into place at once; use a folder below {self.path}"
            )
        # Only the owner of the lock may repair: another collector may be in the middle of its work.
        self._acquire()
        found = Manifest.load(self._file)
        self._refuse_foreign(found)
        self.manifest = found or self.manifest
        self.settle()
        self.sweep()
        self._refuse_missing()
        if found is None:
            self.manifest.save(self._file)

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def read(self, entry: Entry) -> Any:
        """The rows of a file, in place or staged."""
        return arrow_parquet().ParquetFile(self._place(entry)).read()

    def _place(self, entry: Entry) -> Path:
        return self._staging / entry.staged if entry.staged else self.path / entry.path

    def stage(self, table: Any, like: Entry) -> Entry:
        """Write a file aside, to take its place when it is published.

        Returns:
            `like`, with the file's rows, bytes and name in the staging folder.
        """
        # A random name, so that a file left by a crash is never taken for the new one.
        name = f"{self.manifest.generation:08d}-{os.urandom(8).hex()}.part"
        at = self._staging / name
        try:
            folder = self.path / like.partition
            if not folder.exists():  # while a full disk still does no harm
                folder.mkdir()
                sync_folder(self.path)
            with at.open("wb") as file:
                arrow_parquet().write_table(
                    table,
                    file,
                    compression=self._compression,
                    row_group_size=self._row_group_rows,
                )
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            at.unlink(missing_ok=True)
            raise
        return replace(like, staged=name, rows=table.num_rows, bytes=at.stat().st_size)

    def sweep(self, *, keep: Iterable[Entry] = ()) -> None:
        """Remove staged files that neither the manifest nor `keep` names."""
        used = {entry.staged for entry in (*self.manifest.entries, *keep)}
        for file in self._staging.iterdir():
            if file.name not in used:
                file.unlink()

    def publish(self, manifest: Manifest) -> None:
        """Make `manifest` the truth, which no crash can undo, and settle it.

        Raises:
            OSError: nothing was published; or it was, and `settle` must be tried again.
        """
        # In this order: a manifest that survives a power failure must not name a file that does not.
        sync_folder(self._staging)
        manifest.save(self._file)
        self.manifest = manifest
        self.settle()

    def take_back(self, generation: int) -> None:
        """Go back to an earlier generation: rows that came later leave.

        Raises:
            CheckpointError: the dataset cannot go back so far, or was never there.
        """
        manifest = self.manifest
        if not manifest.oldest <= generation <= manifest.generation:
            raise CheckpointError(
                f"the dataset {self.path} is at generation {manifest.generation} and can go back "
                f"to {manifest.oldest}, but the checkpoint says {generation}: put the folder and "
                f"{self._hidden} back, or begin anew without the checkpoint"
            )
        if generation == manifest.generation:
            return
        kept: list[Entry] = []
        doomed: list[str] = []
        for entry in manifest.entries:
            segments = tuple(each for each in entry.segments if each[0] <= generation)
            rows = sum(rows for _, rows in segments)
            if not rows and not entry.staged:
                doomed.append(entry.path)
            elif not rows:
                continue
            elif rows == entry.rows:
                kept.append(entry)
            else:
                # Rows of several generations are in one file: its beginning is written again.
                table = self.read(entry).slice(0, rows)
                kept.append(self.stage(table, replace(entry, segments=segments)))
        self.publish(
            replace(manifest, generation=generation, entries=tuple(kept), doomed=tuple(doomed))
        )
        self.sweep()

    def _acquire(self) -> None:
        if not self._lock.acquire():
            raise ConfigError(
                f"{self.path} is being written by another collector, in {self._lock.holder}; stop "
                "that one, or choose another folder"
            )

    def settle(self) -> None:
        """Move staged files into place and remove doomed ones; done again, it changes nothing.

        The last rows go first and come last: a reader may see too few of them for a moment, but
        never one twice, and never one without those before it.
        """
        for name in reversed(self.manifest.doomed):
            (self.path / name).unlink(missing_ok=True)
        due = [entry for entry in self.manifest.entries if entry.staged and not entry.hidden]
        for entry in due:
            staged = self._place(entry)
            if staged.exists():
                staged.replace(self.path / entry.path)
        for partition in {entry.partition for entry in due}:
            sync_folder(self.path / partition)
        entries = tuple(
            replace(entry, staged=None) if entry.staged and not entry.hidden else entry
            for entry in self.manifest.entries
        )
        self.manifest = replace(self.manifest, entries=entries, doomed=())

    def _refuse_foreign(self, manifest: Manifest | None) -> None:
        known = {entry.path for entry in manifest.entries} if manifest else set()
        known |= set(manifest.doomed) if manifest else set()
        for file in self.path.rglob("*.parquet"):
            if str(file.relative_to(self.path)) not in known:
                raise ConfigError(
                    f"{self.path} holds {file.relative_to(self.path)}, which "
                    f"{self._file} does not name: it is another dataset, or lost its manifest; "
                    "choose an empty folder"
                )

    def _refuse_missing(self) -> None:
        for entry in self.manifest.entries:
            file = self._place(entry)
            size = file.stat().st_size if file.exists() else None
            if size != entry.bytes:
                what = "is gone" if size is None else f"has {size} bytes"
                raise ConfigError(
                    f"{file} {what}, and {self._file} says {entry.bytes}: put it back, or begin "
                    f"anew without {self.path} and {self._hidden}"
                )

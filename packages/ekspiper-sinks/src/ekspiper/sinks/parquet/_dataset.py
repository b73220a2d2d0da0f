"""The files of a dataset: staged aside, published together, taken back after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ekspiper.core import CheckpointError, ConfigError
from ekspiper.core.bucket import is_bucket_url

from .._arrow import arrow_parquet
from ._bucket_files import BucketFiles
from ._folder_files import DatasetFiles, FolderFiles
from ._manifest import Entry, Manifest

__all__ = ["Dataset", "files_at"]


def files_at(path: str | Path) -> DatasetFiles:
    """The files of the dataset at a folder, or at the URL of a place in an object store.

    The manifest and unfinished files are beside the dataset, in `.NAME.ekspiper`: readers take
    every file below it for a part of it.
    """
    return BucketFiles(str(path)) if is_bucket_url(path) else FolderFiles(Path(path))


class Dataset:
    """The files of one dataset. Every method blocks; call it from a thread.

    A file is written in the staging folder. The manifest that names it is the commit; then it is
    moved into place, which a restart completes.

    Args:
        path: the folder, made when it is missing; or the URL of a place in an object store.
        compression: of the columns.
        row_group_rows: the most rows in a row group.

    Raises:
        ConfigError: the folder is in use, is not a dataset of ekspiper, or cannot be written.
    """

    def __init__(self, path: str | Path, *, compression: str, row_group_rows: int) -> None:
        self.manifest = Manifest()
        self._files = files_at(path)
        self.path = self._files.place
        self._compression = compression
        self._row_group_rows = row_group_rows

    def open(self) -> None:
        """Keep other writers out, and complete or clean up what a crash left."""
        self._files.open()
        text = self._files.load()
        found = (
            None if text is None else Manifest.parse(text, f"{self._files.hidden}/manifest.json")
        )
        # Only its owner may repair: another collector may be in the middle of its work.
        self._refuse_foreign(found)
        self.manifest = found or self.manifest
        self._files.take(self.manifest.to_text())
        # What a crash interrupted is completed before anything new is staged.
        self.settle()
        self._files.sweep(self._staged(), all_of_them=True)
        self._refuse_missing()
        if found is None:
            self._files.save(self.manifest.to_text())

    def close(self) -> None:
        """Let other writers in."""
        self._files.close()

    def read(self, entry: Entry) -> Any:
        """The rows of a file, in place or staged."""
        place = None if entry.staged else entry.path
        return arrow_parquet().ParquetFile(self._files.source(place, entry.staged)).read()

    def stage(self, table: Any, like: Entry) -> Entry:
        """Write a file aside, to take its place when it is published.

        Returns:
            `like`, with the file's rows, bytes and name in the staging folder.
        """
        # A random name, so that a file left by a crash is never taken for the new one.
        name = f"{self.manifest.generation:08d}-{os.urandom(8).hex()}.part"

        def write(file: Any) -> None:
            arrow_parquet().write_table(
                table, file, compression=self._compression, row_group_size=self._row_group_rows
            )

        size = self._files.stage(name, like.partition, write)
        return replace(like, staged=name, rows=table.num_rows, bytes=size)

    def sweep(self, *, keep: Iterable[Entry] = ()) -> None:
        """Remove staged files that neither the manifest nor `keep` names."""
        self._files.sweep(self._staged(keep), all_of_them=False)

    def _staged(self, more: Iterable[Entry] = ()) -> set[str]:
        return {entry.staged for entry in (*self.manifest.entries, *more) if entry.staged}

    def publish(self, manifest: Manifest) -> None:
        """Make `manifest` the truth, which no crash can undo, and settle it.

        Raises:
            OSError, Retryable: nothing was published; or it was, and `settle` is to be tried again.
            CheckpointError: another collector writes to the dataset.
        """
        self._files.save(manifest.to_text())
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
                f"{self._files.hidden} back, or start over without the checkpoint"
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

    def settle(self) -> None:
        """Move staged files into place and remove doomed ones; done again, it changes nothing.

        The last rows go first and come last: a reader may see too few of them for a moment, but
        never one twice, and never one without those before it.
        """
        for name in reversed(self.manifest.doomed):
            self._files.remove(name)
        due = [entry for entry in self.manifest.entries if entry.staged and not entry.hidden]
        for entry in due:
            self._files.reveal(str(entry.staged), entry.path)
        self._files.sync({entry.partition for entry in due})
        entries = tuple(
            replace(entry, staged=None) if entry.staged and not entry.hidden else entry
            for entry in self.manifest.entries
        )
        self.manifest = replace(self.manifest, entries=entries, doomed=())

    def _refuse_foreign(self, manifest: Manifest | None) -> None:
        known = {entry.path for entry in manifest.entries} if manifest else set()
        # Those that were to be removed may still be there, if the crash came in between.
        known |= set(manifest.doomed) if manifest else set()
        for name in sorted(set(self._files.sizes()) - known):
            raise ConfigError(
                f"{self.path} holds {name}, which {self._files.hidden}/manifest.json does not "
                "name: it is another dataset, or lost its manifest; choose an empty folder"
            )

    def _refuse_missing(self) -> None:
        seen, staged = self._files.sizes(), self._files.staged_sizes()
        for entry in self.manifest.entries:
            # By size alone: to read all files at each start would take longer than the run.
            size = staged.get(entry.staged) if entry.staged else seen.get(entry.path)
            if size != entry.bytes:
                what = "is gone" if size is None else f"has {size} bytes"
                file = f"{self._files.hidden}/staging/{entry.staged}"
                raise ConfigError(
                    f"{file if entry.staged else f'{self.path}/{entry.path}'} {what}, and the "
                    f"manifest in {self._files.hidden} says {entry.bytes}: put it back, or start "
                    f"over without {self.path} and {self._files.hidden}"
                )

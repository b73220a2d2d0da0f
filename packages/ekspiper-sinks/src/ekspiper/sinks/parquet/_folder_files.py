"""The files of a dataset in a folder, and what any place of them must do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from ekspiper.core import ConfigError, FileLock, replace_file, sync_folder

__all__ = ["DatasetFiles", "FolderFiles"]


class DatasetFiles(Protocol):
    """Where the files of a dataset are. Every method blocks.

    Names of files are below the dataset, those of staged files below a place that readers do not
    see. The manifest is neither.
    """

    place: str
    """The dataset, for messages."""

    hidden: str
    """Where the manifest and staged files are, for messages."""

    def open(self) -> None:
        """Make the place where it is missing, and keep other writers out."""
        ...

    def take(self, manifest: str) -> None:
        """Own the manifest: from now on no other writer can save one.

        Args:
            manifest: what `load` gave, or a first one.
        """
        ...

    def close(self) -> None:
        """Let other writers in."""
        ...

    def load(self) -> str | None:
        """The text of the manifest; None where there is none."""
        ...

    def save(self, manifest: str) -> None:
        """Replace the manifest; when this returns, a crash cannot undo it.

        Raises:
            OSError, Retryable: it may have been replaced, or not; another try says so.
            CheckpointError: another writer owns it by now.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """The files that readers see, with their bytes."""
        ...

    def staged_sizes(self) -> dict[str, int]:
        """The staged files, with their bytes."""
        ...

    def stage(self, name: str, partition: str, write: Callable[[Any], None]) -> int:
        """Write a staged file with a function of a binary file; its bytes.

        Args:
            partition: the folder that it will be moved to.
        """
        ...

    def reveal(self, staged: str, name: str) -> None:
        """Move a staged file to where readers see it; that it was moved already is fine."""
        ...

    def sync(self, partitions: Iterable[str]) -> None:
        """Make what was revealed or removed there survive a power failure."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file that readers see; that it is gone already is fine."""
        ...

    def sweep(self, keep: Iterable[str], *, all_of_them: bool) -> None:
        """Remove staged files.

        Args:
            keep: those that stay.
            all_of_them: also what other writers have left.
        """
        ...

    def source(self, name: str | None, staged: str | None) -> Any:
        """What pyarrow reads: a staged file, or where it is gone or None, one that readers see."""
        ...


class FolderFiles(DatasetFiles):
    """The files of a dataset in a folder.

    Args:
        path: the folder; made when it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden = path.with_name(f".{path.name}.ekspiper")
        self._staging = self._hidden / "staging"
        self._file = self._hidden / "manifest.json"
        self._lock = FileLock(self._hidden / "lock")
        self.place = str(path)
        self.hidden = str(self._hidden)

    def open(self) -> None:
        """Make the folders, and lock them."""
        path = self._path
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is a file; a Parquet dataset is a folder")
        self._staging.mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True, exist_ok=True)
        if path.stat().st_dev != self._hidden.stat().st_dev:
            raise ConfigError(
                f"{path} is on another file system than {self._hidden}, so no file can be "
                f"moved into place at once; use a folder below {path}"
            )
        if not self._lock.acquire():
            raise ConfigError(
                f"{path} is being written by another collector, in {self._lock.holder}; stop "
                "that one, or choose another folder"
            )

    def take(self, manifest: str) -> None:
        """The lock is enough."""

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def load(self) -> str | None:
        """Read the manifest."""
        try:
            return self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise ConfigError(f"cannot read the manifest {self._file}: {error}") from error

    def save(self, manifest: str) -> None:
        """Replace the manifest."""
        # In this order: a manifest that survives a power failure must not name a file that does not.
        sync_folder(self._staging)
        replace_file(self._file, manifest.encode())

    def sizes(self) -> dict[str, int]:
        """The files of the dataset."""
        return {
            str(file.relative_to(self._path)): file.stat().st_size
            for file in self._path.rglob("*.parquet")
        }

    def staged_sizes(self) -> dict[str, int]:
        """The files of the staging folder."""
        return {file.name: file.stat().st_size for file in self._staging.iterdir()}

    def stage(self, name: str, partition: str, write: Callable[[Any], None]) -> int:
        """Write a file of the staging folder."""
        at = self._staging / name
        try:
            folder = self._path / partition
            if not folder.exists():  # while a full disk still does no harm
                folder.mkdir()
                sync_folder(self._path)
            with at.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            at.unlink(missing_ok=True)
            raise
        return at.stat().st_size

    def reveal(self, staged: str, name: str) -> None:
        """Rename it."""
        at = self._staging / staged
        if at.exists():
            at.replace(self._path / name)

    def sync(self, partitions: Iterable[str]) -> None:
        """Sync the folders."""
        for partition in partitions:
            sync_folder(self._path / partition)

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self._path / name).unlink(missing_ok=True)

    def sweep(self, keep: Iterable[str], *, all_of_them: bool) -> None:
        """Remove files: with the lock, all of them are ours."""
        used = set(keep)
        for file in self._staging.iterdir():
            if file.name not in used:
                file.unlink()

    def source(self, name: str | None, staged: str | None) -> Any:
        """The path."""
        at = None if staged is None else self._staging / staged
        return at if at is not None and (name is None or at.exists()) else self._path / str(name)

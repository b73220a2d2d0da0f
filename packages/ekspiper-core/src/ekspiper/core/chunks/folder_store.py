"""A store of chunks in a folder: of this machine, or one that all workers share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigError
from ..files import FileLock, replace_file, sync_folder
from .chunk_store import HIDDEN, STAGING, ChunkStore

__all__ = ["FolderStore"]


class FolderStore(ChunkStore):
    """Chunks as files of a folder. On several machines, all must see it under the same path.

    Args:
        path: the folder; made when it is missing.
        tables: as in `ChunkStore`, like the rest.
    """

    def __init__(
        self,
        path: str | Path,
        tables: Sequence[str],
        *,
        partition: int = 100_000,
        unit: str = "items",
    ) -> None:
        super().__init__(tables, partition=partition, unit=unit)
        # Absolute, as workers have another working directory.
        self.path = Path(path).absolute()

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock it; a crash releases the lock, too."""
        lock = FileLock(self.path / HIDDEN / "lock")
        try:
            lock.path.parent.mkdir(parents=True, exist_ok=True)
            is_ours = lock.acquire()
        except OSError as error:
            raise ConfigError(
                f"cannot write to the folder {self.path}: {error.strerror or error}; choose another"
            ) from error
        if not is_ours:
            raise ConfigError(
                f"the folder {self.path} is in use by {lock.holder}; stop that first, or choose "
                "another folder"
            )
        try:
            yield
        finally:
            lock.release()

    def read(self, name: str) -> bytes | None:
        """The bytes of a file."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Put a small file in place."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path / name, content)

    def repair(self) -> None:
        """Remove what a crash left, also the folders of workers that had not written yet."""
        super().repair()
        shutil.rmtree(self.path / STAGING, ignore_errors=True)

    def _names(self, folder: str) -> list[str]:
        files = (file for file in (self.path / folder).rglob("*") if file.is_file())
        return [file.relative_to(self.path).as_posix() for file in files]

    def _move(self, source: str, target: str) -> None:
        place = self.path / target
        place.parent.mkdir(parents=True, exist_ok=True)
        (self.path / source).replace(place)
        sync_folder(place.parent)

    def _remove(self, names: Iterable[str]) -> None:
        for file in [self.path / name for name in names]:
            file.unlink(missing_ok=True)
            if STAGING in file.parent.as_posix():
                with suppress(OSError):  # more files are in it, or it is gone
                    file.parent.rmdir()

    @contextmanager
    def _writing(self, staging: str) -> Iterator[Path]:
        folder = self.path / staging
        folder.mkdir(parents=True)
        try:
            yield folder
            for file in folder.iterdir():
                # Here, on the worker's machine: the one that publishes cannot make another's writes
                # durable.
                _sync(file)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _sync(file: Path) -> None:
    """Make its content survive a power cut, before its name does."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

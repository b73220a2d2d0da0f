"""One file that only grows, of which every byte up to its length is good."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["DataFile"]


_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


class DataFile:
    """An open file with its good length; made when something is to be in it.

    Written without a buffer of our own: what `append` returned from is the operating system's,
    and survives the end of this process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.length = 0
        self.written_at = 0.0
        """Seconds since 1970 of the last write."""
        self._name_synced = False
        # A link to nowhere is followed now, so that what is wrong with it is told when it is opened.
        if path.exists() or path.is_symlink():
            self.make()
            status = os.fstat(self.descriptor)
            self.length, self.written_at = status.st_size, status.st_mtime

    def make(self) -> None:
        """Have the file there, though it may be empty."""
        if self.descriptor < 0:
            self.descriptor = os.open(self.path, _FLAGS | os.O_CREAT, 0o644)

    def append(self, data: bytes, *, now: float) -> None:
        """Write all of it. After an OSError a part may be there: cut back to the old length."""
        if data:
            self.make()
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]
        self.length += len(data)
        self.written_at = now

    def cut(self, length: int) -> None:
        """Drop everything after `length`."""
        if self.descriptor >= 0:
            os.ftruncate(self.descriptor, length)
        self.length = length

    def sync(self) -> None:
        """Make it survive a power failure: the data, and the file's name in its folder."""
        os.fsync(self.descriptor)
        if not self._name_synced:
            _sync_folder(self.path.parent)
            self._name_synced = True

    def close(self) -> None:
        """Close it; closing twice is fine."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

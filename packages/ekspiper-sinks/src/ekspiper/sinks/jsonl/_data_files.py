"""The files of one path: the one that grows, changing to the next, and cutting back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ekspiper.core import sync_folder

from ._file_names import FileNames

__all__ = ["DataFile", "DataFiles", "Place"]

# Append mode: what another program adds to the file is not written over.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


class DataFile:
    """One file that only grows, of which every byte up to its length is good.

    The file is made when there is something to write. It is written without a buffer of our own:
    once `append` returns, the operating system has the bytes, and they survive the end of this
    process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.length = 0
        self.written_at = 0.0
        """Seconds since 1970 of the last write."""
        self._name_synced = False
        # Follow a link to nowhere now, so that opening the collector reports what is wrong.
        if path.exists() or path.is_symlink():
            self.make()
            status = os.fstat(self.descriptor)
            self.length, self.written_at = status.st_size, status.st_mtime

    def make(self) -> None:
        """Make the file, though it may stay empty."""
        if self.descriptor < 0:
            self.descriptor = os.open(self.path, _FLAGS | os.O_CREAT, 0o644)

    def append(self, *pieces: bytes, now: float) -> None:
        """Write all of it. After an OSError a part may be there: cut back to the old length."""
        for data in pieces:
            if data:
                self.make()
            # A single write may take less than it was given, on a disk that is nearly full.
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
        # Without this a power failure may lose the name of a new file, although its data is safe.
        if not self._name_synced:
            sync_folder(self.path.parent)
            self._name_synced = True

    def close(self) -> None:
        """Close it; closing twice is fine."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the files: everything before it is in lower numbers or below the length."""

    number: int
    length: int


class DataFiles:
    """The files in a folder that a `FileNames` names, open at the last one.

    Every method blocks, and raises OSError as the system does.
    """

    def __init__(self, folder: Path, names: FileNames) -> None:
        self._folder = folder
        self._names = names
        self._open(max(self._numbers(), default=names.first))

    def _open(self, number: int) -> None:
        self.current = DataFile(self._folder / self._names.of(number))
        self._number = number

    def _numbers(self) -> list[int]:
        numbers = (self._names.number(path.name) for path in self._folder.iterdir())
        return sorted(number for number in numbers if number is not None)

    @property
    def place(self) -> Place:
        """Where the next byte goes."""
        return Place(self._number, self.current.length)

    def next(self, *, sync: bool) -> None:
        """Change to the next file; the one before is made durable first."""
        if sync:
            self.current.sync()
        self.current.close()
        self._open(self._number + 1)

    def cut_back(self, place: Place) -> None:
        """Remove everything after a place that `place` once was."""
        if self._number != place.number:
            self.current.close()
            # The last one first: a crash in between must not leave a gap in the numbers.
            for number in reversed(self._numbers()):
                if number > place.number:
                    (self._folder / self._names.of(number)).unlink()
            self._open(place.number)
        self.current.cut(place.length)

    def length_of(self, number: int) -> int | None:
        """The length of a file in bytes; None when it is gone."""
        try:
            return (self._folder / self._names.of(number)).stat().st_size
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self.current.close()

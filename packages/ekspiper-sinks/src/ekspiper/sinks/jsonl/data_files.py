"""The files of one path: the one that grows, going on to the next, and cutting back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .data_file import DataFile
from .names import FileNames

__all__ = ["DataFiles", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the files: everything before it is in lower numbers or below the length."""

    number: int
    length: int


class DataFiles:
    """The files in a folder that a `FileNames` names, open at the last one.

    Blocking; raises OSError as the system does.
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
        """Go on to the next file; the one before is made durable first."""
        if sync:
            self.current.sync()
        self.current.close()
        self._open(self._number + 1)

    def cut_back(self, place: Place) -> None:
        """Remove everything after a place that `place` once was."""
        if self._number != place.number:
            self.current.close()
            for number in self._numbers():
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

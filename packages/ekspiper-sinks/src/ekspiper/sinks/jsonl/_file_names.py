"""Rotation: what the files of one collector are called, and when the next begins. Pure arithmetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileNames", "same_period", "split"]

# Names then sort as numbers do, in `ls` and in globs.
_DIGITS = 8


@dataclass(frozen=True, slots=True)
class FileNames:
    """The names of the files that a path stands for.

    Without rotation there is one file, number 0, with the path's own name. With it, the files
    are `NAME-00000001.jsonl`, `NAME-00000002.jsonl`, ...: they sort, and are never renamed.

    Args:
        name: the path's name, without the suffix of the compression.
        suffix: the suffix of the compression: `.gz`, `.zst` or nothing.
        rotates: whether there may be more than one file.
    """

    name: str
    suffix: str
    rotates: bool

    @property
    def first(self) -> int:
        """The number of the first file."""
        return 1 if self.rotates else 0

    def of(self, number: int) -> str:
        """The name of the file with that number."""
        if not self.rotates:
            return self.name + self.suffix
        path = Path(self.name)
        return f"{path.stem}-{number:0{_DIGITS}}{path.suffix}{self.suffix}"

    def number(self, name: str) -> int | None:
        """The number of a file; None when the name does not belong to this path."""
        if not self.rotates:
            return 0 if name == self.of(0) else None
        path = Path(self.name)
        ends = re.escape(path.suffix + self.suffix)
        found = re.fullmatch(rf"{re.escape(path.stem)}-(\d{{{_DIGITS},}}){ends}", name)
        return int(found[1]) if found else None


def split(sizes: Sequence[int], *, held: int, limit: int) -> list[slice]:
    """Spread lines over files of at most `limit` bytes each; a longer line has its own file.

    Args:
        sizes: the sizes of the lines, in bytes.
        held: bytes that the current file already has.
        limit: bytes a file may have.

    Returns:
        What belongs to the current file (possibly nothing), then to the next, and so on.
    """
    parts, start = [], 0
    for place, size in enumerate(sizes):
        if held and held + size > limit:
            parts.append(slice(start, place))
            start, held = place, 0
        held += size
    return [*parts, slice(start, len(sizes))]


def same_period(one: float, other: float, *, seconds: float | None) -> bool:
    """Whether two times fall in one period: periods begin at multiples of `seconds` since 1970."""
    return seconds is None or one // seconds == other // seconds

"""Chunks: pieces of a range of whole numbers, cut where a grid says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ConfigError

__all__ = ["Chunk", "cut"]

_NAME = re.compile(r"(\d{10,})-(\d{10,})")


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """The numbers from `first` to `last`, both included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ConfigError(f"a chunk begins at 0 or later, not {self.first}:{self.last}")

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"

    @property
    def name(self) -> str:
        """For files: the names of chunks sort as the chunks do."""
        return f"{self.first:010d}-{self.last:010d}"

    @classmethod
    def named(cls, name: str) -> Chunk | None:
        """The chunk of that name; None where it is another name."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2])) if found else None


def cut(ranges: Iterable[tuple[int, int]], size: int) -> list[Chunk]:
    """Chunks of at most `size` numbers, which together are the ranges.

    They are cut at multiples of `size`, wherever a range begins. So the pieces of two runs meet
    at the same places, and none crosses the border of a partition that is a multiple of `size`.

    >>> [str(chunk) for chunk in cut([(183, 302)], 100)]
    ['183:199', '200:299', '300:302']

    Args:
        ranges: pairs of first and last; each becomes chunks of its own.
        size: how many numbers there are between two cuts.
    """
    if size < 1:
        raise ConfigError(f"a chunk has at least 1 number, not {size}")
    chunks = []
    for first, last in ranges:
        # Cut where the grid says, whatever the range: a run over another range finds the same
        # chunks.
        for begin in range(first - first % size, last + 1, size):
            chunks.append(Chunk(max(first, begin), min(last, begin + size - 1)))
    return chunks

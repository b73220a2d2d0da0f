"""How the keys of the state are split, and what is left to read of each part."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Shard", "cut_page", "shards_for"]

# Of a key in hex.
_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Shard:
    """Every key that begins with `prefix`.

    Attributes:
        prefix: upper-case hex digits; empty for the whole state.
    """

    prefix: str

    def before_first(self) -> str | None:
        """The key just below its lowest one; None when it begins at zero."""
        # A server gives the keys after the marker, so reading begins one below the first key.
        lowest = int(self.prefix.ljust(_DIGITS, "0"), 16)
        return f"{lowest - 1:064X}" if lowest else None

    def last(self) -> str:
        """Its highest key."""
        return self.prefix.ljust(_DIGITS, "F")

    def real_start(self, known: Sequence[str]) -> str | None:
        """The highest of the known keys (sorted) below its lowest one; None: from the start.

        Reading from there gives some objects that are not of this shard: `cut_page` drops them.
        """
        place = bisect_left(known, self.prefix.ljust(_DIGITS, "0"))
        return known[place - 1] if place else None


def shards_for(parallel: int) -> tuple[Shard, ...]:
    """The whole state in 1, 16, 256 or 4096 shards: at least as many as are read at once."""
    # Three digits at most: with 4,096 shards a page of a large state still has several hundred objects.
    digits = 0
    while 16**digits < parallel and digits < 3:
        digits += 1
    if digits == 0:
        return (Shard(""),)
    return tuple(Shard(f"{value:0{digits}X}") for value in range(16**digits))


def cut_page(
    shard: Shard, objects: Sequence[tuple[str, str]]
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """What of a page belongs to the shard, and whether the page went beyond its end."""
    prefix, highest = shard.prefix, shard.last()
    beyond = bool(objects) and objects[-1][0] >= highest
    # Keys rise: where the first and the last are of the shard, all are. The last page of a shard usually
    # runs into the next one.
    if objects and objects[0][0].startswith(prefix) and objects[-1][0].startswith(prefix):
        return tuple(objects), beyond
    return tuple(pair for pair in objects if pair[0].startswith(prefix)), beyond

"""What of a record no column can hold: values by JSON pointer (RFC 6901), for the column `_rest`."""

from __future__ import annotations

from typing import Any

from ekspiper.core import Permanent

__all__ = ["Misfits", "Place", "pointer", "put"]

Place = tuple[Any, ...]
"""`(place of what is around it, its key)`; `((), row)` is a record of a batch."""


def pointer(place: Place) -> tuple[int, str]:
    """A place as the record's row, and a JSON pointer into it, such as `/Memos/0/Memo`."""
    parts: list[str] = []
    while place[0]:
        place, key = place
        parts.append("/" + str(key).replace("~", "~0").replace("/", "~1"))
    return place[1], "".join(reversed(parts))


def put(record: dict[str, Any], at: str, value: Any) -> None:
    """Put a value where a JSON pointer says; what is around it is there."""
    *around, last = [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
    target: Any = record
    for part in around:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if isinstance(target, list):
        target[int(last)] = value
    else:
        target[last] = value


class Misfits:
    """The values that fit no column.

    Attributes:
        rest: place and value of each.
        failures: why some records cannot be kept at all, by row.
    """

    def __init__(self) -> None:
        self.rest: list[tuple[Place, Any]] = []
        self.failures: dict[int, Exception] = {}

    def add(self, place: Place, value: Any) -> None:
        """The value at `place` fits no column."""
        self.rest.append((place, value))

    def fail(self, place: Place, why: str) -> None:
        """The record around `place` cannot be kept."""
        while place[0]:
            place = place[0]
        # The first reason of a record is the one that is told.
        self.failures.setdefault(place[1], Permanent(why))

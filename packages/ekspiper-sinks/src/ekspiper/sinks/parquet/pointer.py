"""JSON pointers (RFC 6901): where a value stands in a record."""

from __future__ import annotations

from typing import Any

__all__ = ["Place", "pointer", "put"]

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

"""How many bytes an item takes in a queue: exact where it is cheap, estimated elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Measure"]

_SAMPLE_EVERY = 32
_DEEPEST = 12


class Measure:
    """Measures items one after another.

    Bytes and strings count their length, and anything with an integer `nbytes` what that says.
    Containers are walked once in 32 items, and count as the last one walked of their type in
    between, so that measuring costs less than what it guards.
    """

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._last: dict[type, int] = {}
        self._since: dict[type, int] = {}

    def __call__(self, item: Any) -> int:
        """The size of `item`, in bytes."""
        kind = type(item)
        if kind is int or kind is float:
            return 32
        if kind is bytes or kind is str:
            return len(item)
        since = self._since.get(kind, 0)
        if since:
            self._since[kind] = since - 1
            return self._last[kind]
        nbytes = getattr(item, "nbytes", None)
        if isinstance(nbytes, int):
            return nbytes
        self._since[kind] = _SAMPLE_EVERY - 1
        self._last[kind] = size = _walk(item, _DEEPEST)
        return size


def _walk(value: Any, depth: int) -> int:
    size = sys.getsizeof(value)
    if depth == 0:
        return size
    if isinstance(value, Mapping):
        return size + sum(_walk(k, 0) + _walk(v, depth - 1) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return size + sum(_walk(element, depth - 1) for element in value)
    return size

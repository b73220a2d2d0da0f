"""How many bytes an item takes in a queue: exact where it is cheap, estimated elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Measure"]

_DEEPEST = 12
_PLAIN = frozenset({int, float, str, bytes, bool, type(None)})


class Measure:
    """Measures items, and remembers in `sizes` what may stand for others of their type.

    Bytes and strings count their length, and anything with an integer `nbytes` what that says:
    these are never remembered. Containers are walked. Whoever asks looks into `sizes` first, and
    measures anew now and then, so that measuring costs less than what it guards.
    """

    __slots__ = ("sizes",)

    def __init__(self) -> None:
        self.sizes: dict[type, int] = {}

    def __call__(self, item: Any) -> int:
        """The size of `item`, in bytes."""
        kind = type(item)
        if kind is bytes or kind is str:
            return len(item)
        nbytes = getattr(item, "nbytes", None)
        if isinstance(nbytes, int):
            return nbytes
        size = self.sizes[kind] = _walk(item, _DEEPEST)
        return size


def _walk(value: Any, depth: int) -> int:
    size = sys.getsizeof(value)
    if depth == 0 or type(value) in _PLAIN:
        return size
    if isinstance(value, Mapping):
        return size + sum(_walk(k, 0) + _walk(v, depth - 1) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return size + sum(_walk(element, depth - 1) for element in value)
    return size

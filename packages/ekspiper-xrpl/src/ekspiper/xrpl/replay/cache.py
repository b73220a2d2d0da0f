"""Bytes that were costly to make, kept up to a size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["ByteCache"]


class ByteCache:
    """The answers made last, together not above `max_bytes`.

    Args:
        max_bytes: what may be kept; a larger answer is made anew each time.
    """

    def __init__(self, max_bytes: int = 32 << 20) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The bytes of that key, made now if they are not kept."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = make()
        self._kept[key] = made
        self._size += len(made)
        while self._size > self._max_bytes:
            self._size -= len(self._kept.popitem(last=False)[1])
        return made

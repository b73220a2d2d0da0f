"""The link to a collector that has its items encoded as soon as they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..measure import Measure
from ..receipt import Receipt
from .channel import Channel, wake_one

__all__ = ["EncodingChannel", "Refused"]


class Refused:
    """Crosses a channel in the place of an item that could not be encoded."""

    __slots__ = ("error", "item")

    def __init__(self, item: Any, error: Exception) -> None:
        self.item = item
        self.error = error


class EncodingChannel(Channel):
    """Holds items as bytes. The last one to go in may reach beyond `max_bytes`.

    Args:
        encode: makes the bytes; what it raises is carried to the reader as `Refused`.
    """

    __slots__ = ("_encode",)

    def __init__(
        self, name: str, *, max_items: int, max_bytes: int, encode: Callable[[Any], bytes]
    ) -> None:
        super().__init__(name, max_items=max_items, max_bytes=max_bytes, measure=Measure())
        self._encode = encode

    def offer(self, item: Any, receipt: Receipt) -> bool:
        """Encode an item and append it if there is room; whether there was."""
        if self.full:
            return False
        entry: bytes | Refused
        try:
            entry = self._encode(item)
            size = len(entry)
        except Exception as error:
            entry, size = Refused(item, error), self.measure(item)
        self._entries.append((entry, receipt, size))
        self._items += 1
        self._bytes += size
        if self._readers:
            wake_one(self._readers)
        return True

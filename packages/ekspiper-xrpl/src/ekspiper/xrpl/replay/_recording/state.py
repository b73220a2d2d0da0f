"""The recorded state of one ledger: its objects in the order of their keys."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, overload

import orjson

from .spool import Span, Spool

__all__ = ["StateColumn", "StateRecord", "entry_type"]

# Below the lowest and above the highest key that a state can have.
_END = b"\xff" * 32
_START = bytes(32)


class StateColumn:
    """The objects of a state in one form, binary or JSON, put in order by `finish`.

    Each object costs about 60 bytes of memory; what it says is in the spool.
    """

    def __init__(self, *, is_binary: bool) -> None:
        self.is_binary = is_binary
        self._found: dict[bytes, tuple[Span, int]] = {}
        self._covered: list[tuple[bytes, bytes]] = []
        # Columns instead of an object for each entry: a state has millions of entries.
        self._keys = b""
        self._offsets = array("Q")
        self._lengths = array("L")
        self._types = array("H")

    def add_page(
        self,
        objects: Sequence[Mapping[str, Any]],
        spool: Spool,
        *,
        after: str | None,
        until: str | None,
        types: Mapping[str, int],
    ) -> None:
        """Take one page: every object with a key above `after` and not above `until`."""
        for item in objects:
            span = spool.add(orjson.dumps(item))
            self._found[bytes.fromhex(item["index"])] = (span, entry_type(item, types))
        # Pages of several runs may overlap, or be missing in between: see `is_complete`.
        first = bytes.fromhex(after) if after else _START
        self._covered.append((first, bytes.fromhex(until) if until else _END))

    def finish(self) -> None:
        """Put the objects in order; nothing is added after this."""
        keys = sorted(self._found)
        self._keys = b"".join(keys)
        for key in keys:
            span, code = self._found[key]
            self._offsets.append(span.offset)
            self._lengths.append(span.length)
            self._types.append(code)
        self._found = {}

    @property
    def is_complete(self) -> bool:
        """Whether the pages leave no gap between the lowest and the highest key."""
        reached = _START
        for first, last in sorted(self._covered):
            if first > reached:
                return False
            reached = max(reached, last)
        return reached == _END

    def __len__(self) -> int:
        return len(self._offsets)

    def key(self, place: int) -> bytes:
        return self._keys[place * 32 : place * 32 + 32]

    def span(self, place: int) -> Span:
        return Span(self._offsets[place], self._lengths[place])

    def type_code(self, place: int) -> int:
        return self._types[place]

    def after(self, key: bytes) -> int:
        """The place of the first object whose key is above this one."""
        return bisect_right(_Keys(self), key)

    def find(self, key: bytes) -> int | None:
        """The place of the object with this key."""
        place = self.after(key) - 1
        return place if place >= 0 and self.key(place) == key else None


class StateRecord:
    """The state of one ledger, in the forms in which it was recorded."""

    def __init__(self) -> None:
        self.binary = StateColumn(is_binary=True)
        self.json = StateColumn(is_binary=False)

    def finish(self) -> None:
        self.binary.finish()
        self.json.finish()

    def column(self, *, binary: bool) -> StateColumn | None:
        """The complete column to answer from; for JSON the binary one will do as well."""
        if not binary and self.json.is_complete:
            return self.json
        return self.binary if self.binary.is_complete else None


class _Keys(Sequence[bytes]):
    def __init__(self, column: StateColumn) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(place, slice):
            return [self._column.key(i) for i in range(*place.indices(len(self)))]
        return self._column.key(place)


def entry_type(item: Mapping[str, Any], types: Mapping[str, int]) -> int:
    """The code of a ledger entry's type, from its JSON or its bytes; 0 when it is not known."""
    if "LedgerEntryType" in item:
        return types.get(item["LedgerEntryType"], 0)
    # LedgerEntryType is the field with the lowest code, so it stands first: 0x11 and two bytes.
    data: str = item.get("data", "")
    return int(data[2:6], 16) if data.startswith("11") and len(data) >= 6 else 0

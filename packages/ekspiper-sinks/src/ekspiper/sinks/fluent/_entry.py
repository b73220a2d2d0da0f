"""A record as one entry of the forward protocol: its time and its fields, packed."""

from __future__ import annotations

import re
import time
from typing import Any

from ekspiper.core import Permanent

from .._json import describe, holds_non_finite
from ._event_time import pack_nanoseconds, packed_time
from ._extra import msgpack

__all__ = ["EntryPacker", "is_deep", "unpack_record"]

_PAIR = b"\x92"  # the head of a list of two
# A float64 whose exponent is all ones. Other bytes can look like it, text in UTF-8 cannot.
_NON_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")

# Levels of objects and lists that a record may have, less one. Fluent Bit acknowledges a record of
# 64 levels and then drops it, together with everything after it in its chunk.
_DEEPEST = 60

_CONTAINERS = (dict, list, tuple)  # `isinstance` takes longer for a union of types

# The bytes that can begin an object or a list, and all others.
_HEADS = frozenset((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_OTHERS = bytes(each for each in range(256) if each not in _HEADS)


class EntryPacker:
    """Packs records.

    Args:
        time_field: holds a record's time; a record without it, or with null, gets the present.
    """

    def __init__(self, time_field: str) -> None:
        self._time_field = time_field
        self._pack = msgpack.Packer().pack

    def __call__(self, record: Any) -> bytes:
        """One entry.

        Raises:
            Permanent: the record is not an object, or holds what the protocol cannot carry.
        """
        if not isinstance(record, dict):
            raise Permanent(f"Fluent takes objects only, not a record{describe(record)}")
        try:
            fields: bytes = self._pack(record)
            if _NON_FINITE.search(fields) and holds_non_finite(record):
                raise ValueError("it holds NaN or infinity, which JSON does not have")
            # Most records have fewer than 60 such bytes: they cannot be too deep.
            if len(fields.translate(None, _OTHERS)) >= _DEEPEST and is_deep(record):
                raise ValueError(
                    f"it is nested {_DEEPEST} levels deep or more, which Fluent Bit would drop"
                )
            return _PAIR + self._time(record.get(self._time_field)) + fields
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Permanent(
                f"the record{describe(record)} cannot be sent to Fluent: {error}"
            ) from None
        except Permanent as error:
            raise Permanent(
                f"the record{describe(record)} has no usable {self._time_field}: {error}"
            ) from None

    def _time(self, value: Any) -> bytes:
        return pack_nanoseconds(time.time_ns()) if value is None else packed_time(value)


def is_deep(record: Any) -> bool:
    """Whether objects and lists are nested `_DEEPEST` levels deep or more."""
    level = [record]
    for _ in range(_DEEPEST):
        if not level:
            return False
        level = [
            member
            for each in level
            for member in (each.values() if isinstance(each, dict) else each)
            if isinstance(member, _CONTAINERS)
        ]
    return True


def unpack_record(entry: bytes) -> Any:
    """The record of a packed entry."""
    _, record = msgpack.unpackb(entry, strict_map_key=False)
    return record

"""A record as one entry of the forward protocol: its time and its fields, packed."""

from __future__ import annotations

import re
import time
from typing import Any

from ekspiper.core import Permanent

from ..json_line import describe, holds_non_finite
from .event_time import pack_nanoseconds, packed_time
from .extra import msgpack

__all__ = ["EntryPacker", "unpack_record"]

_PAIR = b"\x92"  # the head of a list of two
# A float64 whose exponent is all ones. Other bytes can look like it, text in UTF-8 cannot.
_NON_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")


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
            Permanent: the record is no object, or holds what the protocol has no word for.
        """
        if not isinstance(record, dict):
            raise Permanent(f"Fluent takes objects only, not a record{describe(record)}")
        try:
            fields: bytes = self._pack(record)
            if _NON_FINITE.search(fields) and holds_non_finite(record):
                raise ValueError("it holds NaN or infinity, which JSON has not")
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


def unpack_record(entry: bytes) -> Any:
    """The record of a packed entry."""
    _, record = msgpack.unpackb(entry, strict_map_key=False)
    return record

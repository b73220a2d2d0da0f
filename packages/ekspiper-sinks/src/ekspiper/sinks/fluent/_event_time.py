"""The time of an event, with nanoseconds, as the forward protocol packs it.

https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#eventtime-ext-format
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from ekspiper.core import Permanent

from ._extra import EventTime, msgpack

__all__ = ["pack_nanoseconds", "packed_time", "unix_nanoseconds"]

_NANO = 1_000_000_000
_FRACTION = re.compile(r"[.,](\d+)")


# All transactions of a ledger have one time, so most calls find it here.
@lru_cache(maxsize=1024)
def packed_time(value: str | int | float) -> bytes:
    """A time as EventTime, ready to be put into an entry.

    Args:
        value: ISO 8601 (UTC where it names no zone), or seconds since 1970.

    Raises:
        Permanent: it is not a time, or not in the years 1970 to 2106 that the protocol covers.
    """
    return pack_nanoseconds(unix_nanoseconds(value))


def pack_nanoseconds(nanoseconds: int) -> bytes:
    """Nanoseconds since 1970 as EventTime."""
    if not 0 <= nanoseconds < _NANO << 32:
        raise Permanent("the time is not in the years 1970 to 2106, which the protocol covers")
    packed: bytes = msgpack.packb(EventTime.from_unix_nano(nanoseconds))
    return packed


def unix_nanoseconds(value: str | int | float) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time or of seconds since 1970."""
    try:
        if isinstance(value, str):
            return _of_text(value)
        seconds, fraction = divmod(value, 1)
        return int(seconds) * _NANO + round(fraction * 1e9)
    except (ValueError, OverflowError):
        raise Permanent(f"{value!r:.60} is not a time") from None


def _of_text(text: str) -> int:
    found = _FRACTION.search(text)
    # By hand, as `datetime` has microseconds only.
    nanoseconds = int(found[1][:9].ljust(9, "0")) if found else 0
    moment = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * _NANO + nanoseconds

"""The ledger header: 118 bytes, whose hash names the ledger."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Self

from .errors import CodecError
from .sha512 import LEDGER_HEADER, sha512half

__all__ = ["RIPPLE_EPOCH", "LedgerHeader", "ripple_time_iso"]

RIPPLE_EPOCH = 946_684_800
"""Seconds from the Unix epoch to 2000-01-01T00:00:00Z, where the ledger's time begins."""

# Without a zone, so that `isoformat` can print it: `strftime` takes twice as long, for each ledger.
_EPOCH = datetime(2000, 1, 1)

# Index, coins, three hashes, the two times of closing, resolution and flags; big-endian, no gaps.
_LAYOUT = struct.Struct(">IQ32s32s32sIIBB")


@lru_cache(maxsize=64)  # all that is recorded of a ledger says it again
def ripple_time_iso(seconds: int) -> str:
    """A time of the ledger, such as `2026-11-22T12:01:40Z`."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"


class LedgerHeader(NamedTuple):
    """The fields that a ledger's hash covers. Times are seconds of the ledger's epoch."""

    ledger_index: int
    total_coins: int
    parent_hash: bytes
    transaction_hash: bytes
    account_hash: bytes
    parent_close_time: int
    close_time: int
    close_time_resolution: int
    close_flags: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The header in `ledger_data`, which has neither prefix nor hash."""
        if len(data) != _LAYOUT.size:
            raise CodecError(f"a ledger header has {_LAYOUT.size} bytes, not {len(data)}")
        return cls._make(_LAYOUT.unpack(data))

    def to_bytes(self) -> bytes:
        """The bytes that are hashed, without their prefix."""
        return _LAYOUT.pack(*self)

    @property
    def ledger_hash(self) -> bytes:
        """The hash of these fields, computed."""
        return sha512half(LEDGER_HEADER + self.to_bytes())

    @property
    def close_time_iso(self) -> str:
        """When the ledger closed, such as `2026-11-22T12:01:40Z`."""
        return ripple_time_iso(self.close_time)

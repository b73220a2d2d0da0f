"""A ledger by its index, before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["LedgerRef"]


@dataclass(frozen=True, slots=True)
class LedgerRef:
    """Which ledger to fetch, and what is known of it.

    Attributes:
        ledger_index: its index; 0 when only its hash is known.
        ledger_hash: what it must hash to, where that is known.
        close_time: when it closed, in seconds of the ledger's epoch, where that is known.
        signed_by: the ledger whose signatures prove `ledger_hash`: itself, or a later one. None
            where the hash is only what nodes say.
    """

    ledger_index: int
    ledger_hash: str | None = None
    close_time: int | None = None
    signed_by: int | None = None

    nbytes: ClassVar[int] = 256
    """Its size, as queues count it: to measure each anew takes longer than to make it."""

"""A ledger header as rippled prints it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..codec.header import RIPPLE_EPOCH, LedgerHeader

__all__ = ["header_json"]


def header_json(header: LedgerHeader, ledger_hash: str, *, api_version: int) -> dict[str, Any]:
    """The JSON form, fields in rippled's order; `ledger_index` is a string in api_version 1."""
    closed = datetime.fromtimestamp(header.close_time + RIPPLE_EPOCH, UTC)
    index: int | str = header.ledger_index if api_version > 1 else str(header.ledger_index)
    return {
        "account_hash": header.account_hash.hex().upper(),
        "close_flags": header.close_flags,
        "close_time": header.close_time,
        "close_time_human": closed.strftime("%Y-%b-%d %H:%M:%S.000000000 UTC"),
        "close_time_iso": header.close_time_iso,
        "close_time_resolution": header.close_time_resolution,
        "closed": True,
        "ledger_hash": ledger_hash,
        "ledger_index": index,
        "parent_close_time": header.parent_close_time,
        "parent_hash": header.parent_hash.hex().upper(),
        "total_coins": str(header.total_coins),
        "transaction_hash": header.transaction_hash.hex().upper(),
    }

"""One recorded ledger: its header and the forms in which it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ekspiper.xrpl.codec import LedgerHeader

from .spool import Span

__all__ = ["Form", "LedgerRecord", "full_form", "header_of"]

Form = Literal["binary2", "binary1", "json2", "json1"]
"""How transactions are given: in bytes or as JSON, in the shape of that API version."""


@dataclass(slots=True)
class LedgerRecord:
    """A ledger of the recording. The forms hold the whole `result`, with every transaction."""

    index: int
    hash: str
    header: LedgerHeader | None = None
    forms: dict[Form, Span] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether its transactions were recorded too, or only the header."""
        return bool(self.forms)


def full_form(ledger: Mapping[str, Any], *, api_version: int) -> Form | None:
    """The form of a recorded `ledger`, from what it holds; None without expanded transactions."""
    transactions = ledger.get("transactions")
    if not isinstance(transactions, list) or not all(isinstance(t, dict) for t in transactions):
        return None
    first: Mapping[str, Any] = transactions[0] if transactions else {}
    if "ledger_data" in ledger:
        # An empty ledger looks alike in both versions, so the request decides.
        two = "meta_blob" in first if first else api_version > 1
        return "binary2" if two else "binary1"
    two = "tx_json" in first if first else isinstance(ledger.get("ledger_index"), int)
    return "json2" if two else "json1"


def header_of(ledger: Mapping[str, Any]) -> LedgerHeader | None:
    """The header in a recorded `ledger` of any form, if it is there and can be read."""
    try:
        if "ledger_data" in ledger:
            return LedgerHeader.from_bytes(bytes.fromhex(ledger["ledger_data"]))
        return LedgerHeader(
            ledger_index=int(ledger["ledger_index"]),
            total_coins=int(ledger["total_coins"]),
            parent_hash=bytes.fromhex(ledger["parent_hash"]),
            transaction_hash=bytes.fromhex(ledger["transaction_hash"]),
            account_hash=bytes.fromhex(ledger["account_hash"]),
            parent_close_time=int(ledger["parent_close_time"]),
            close_time=int(ledger["close_time"]),
            close_time_resolution=int(ledger["close_time_resolution"]),
            close_flags=int(ledger["close_flags"]),
        )
    except Exception:  # Bytes that were tampered with are served as they are.
        return None

"""The table of ledgers: one row each, with what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.xrpl.codec.header import RIPPLE_EPOCH
from ekspiper.xrpl.ledger import Ledger

from .column import columns

__all__ = ["COLUMNS", "rows"]

COLUMNS = columns(
    ledger_index="Int64",
    close_time="time",
    transaction_count="Int64",
    failed="Int64",
    fees="Float64",
    fees_drops="Int64",
    total_coins="Float64",
    total_coins_drops="Int64",
    ledger_hash="string",
    parent_hash="string",
    account_hash="string",
    transaction_hash="string",
)
"""`fees` and `total_coins` are XRP, with the drops beside them; `failed` had another result than
tesSUCCESS and paid its fee all the same."""

_DROPS = 1_000_000


def rows(ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    """The row of a ledger."""
    header = ledger.header
    fees = sum(int(each.fields["Fee"]["value"]) for each in ledger.transactions)
    failed = sum(each.meta["TransactionResult"] != "tesSUCCESS" for each in ledger.transactions)
    yield (
        ledger.ledger_index,
        header.close_time + RIPPLE_EPOCH,
        len(ledger.transactions),
        failed,
        fees / _DROPS,
        fees,
        header.total_coins / _DROPS,
        header.total_coins,
        ledger.ledger_hash,
        ledger.parent_hash,
        header.account_hash.hex().upper(),
        header.transaction_hash.hex().upper(),
    )

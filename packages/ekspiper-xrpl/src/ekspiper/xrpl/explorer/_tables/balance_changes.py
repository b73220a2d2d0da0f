"""The table of balance changes: one row for each account and asset that a transaction moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH, decode_address
from ekspiper.xrpl.derive import BALANCE_NODES, balance_changes
from ekspiper.xrpl.ledger import Ledger, Transaction

from .._assets import amount_cells
from .column import columns
from .table import Blobs, TransactionTable
from .transactions import place

__all__ = ["of_account"]

_COLUMNS = columns(
    ledger_index="Int64",
    TransactionIndex="Int64",
    close_time="time",
    hash="string",
    TransactionType="category",
    account="string",
    change="Float64",
    currency="category",
    currency_code="string",
    issuer="string",
    change_value="string",
)
"""`change` is in XRP or units of the token, fees included; `change_value` is the raw number."""


def of_account(account: str | None) -> TransactionTable:
    """The table of the changes of one account's balances; of all for None."""
    key = None if account is None else decode_address(account)

    def rows(transaction: Transaction) -> Iterator[tuple[Any, ...]]:
        for change in balance_changes(transaction.meta):
            if account is None or change["account"] == account:
                yield (
                    *place(transaction),
                    str(transaction.fields["TransactionType"]),
                    change["account"],
                    *amount_cells(change),
                )

    def scan(reader: Any, out: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
        index, closed = ledger.ledger_index, ledger.header.close_time
        done: int = reader.balance_changes(out, blobs, first, index, closed + RIPPLE_EPOCH, key)
        return done

    return TransactionTable(_COLUMNS, rows, BALANCE_NODES, scan)

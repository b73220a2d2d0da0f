"""The table of balance changes: one row for each account and asset that a transaction moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.xrpl.derive import BALANCE_NODES, balance_changes
from ekspiper.xrpl.ledger import Transaction

from .._assets import amount_cells
from .column import columns
from .transactions import place

__all__ = ["COLUMNS", "NODES", "rows"]

COLUMNS = columns(
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

NODES = BALANCE_NODES


def rows(transaction: Transaction, account: str | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows of a transaction; of one account if it is given."""
    for change in balance_changes(transaction.meta):
        if account is None or change["account"] == account:
            yield (
                *place(transaction),
                str(transaction.fields["TransactionType"]),
                change["account"],
                *amount_cells(change),
            )

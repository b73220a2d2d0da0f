"""The table of transactions: one row each, of any type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH, Definitions, NodeFilter
from ekspiper.xrpl.derive import (
    DELIVERING,
    UNAVAILABLE,
    ctid,
    delivered_amount,
    delivers_in_full,
    transaction_flags,
)
from ekspiper.xrpl.ledger import Ledger, Transaction

from .._assets import amount_cells
from .column import columns
from .table import Blobs, TransactionTable

__all__ = ["COLUMNS", "NODES", "TABLE", "delivered", "of_type", "place", "rows"]

COLUMNS = columns(
    ledger_index="Int64",
    TransactionIndex="Int64",
    close_time="time",
    hash="string",
    TransactionType="category",
    TransactionResult="category",
    Account="string",
    Destination="string",
    delivered="Float64",
    delivered_currency="category",
    delivered_currency_code="string",
    delivered_issuer="string",
    delivered_value="string",
    Fee="Float64",
    Fee_drops="Int64",
    Sequence="Int64",
    flags="string",
    ctid="string",
)
"""Amounts are in XRP or units of the token; `_value` and `_drops` are the ledger's own numbers.
Currencies are names to read, such as SOLO; `_code` is the ledger's own code."""

NODES = NodeFilter()
"""Of metadata it shows the outcome alone."""

_DROPS = 1_000_000
_NOTHING = (None,) * 5


def rows(transaction: Transaction) -> Iterator[tuple[Any, ...]]:
    """The row of a transaction."""
    fields, meta = transaction.fields, transaction.meta
    fee = int(fields["Fee"]["value"]) if "Fee" in fields else None
    named = transaction_flags(
        fields["TransactionType"], fields.get("Flags", 0), definitions=transaction.definitions
    )
    index, _, close_time, name = place(transaction)
    yield (
        index,
        transaction.index,
        close_time,
        name,
        str(fields["TransactionType"]),
        meta.get("TransactionResult"),
        fields.get("Account"),
        fields.get("Destination"),
        *delivered(transaction),
        None if fee is None else fee / _DROPS,
        fee,
        fields.get("Sequence"),
        " ".join(named),
        ctid(index, transaction.index, transaction.ledger.network_id or 0),
    )


def place(transaction: Transaction) -> tuple[int, int, int, str]:
    """Ledger index, place in it, close time in seconds of the Unix epoch, hash."""
    ledger = transaction.ledger
    return (
        ledger.ledger_index,
        transaction.index,
        ledger.header.close_time + RIPPLE_EPOCH,
        transaction.hash,
    )


def delivered(transaction: Transaction) -> tuple[Any, ...]:
    """What it delivered, as `amount_cells` gives it."""
    if transaction.fields.get("TransactionType") not in DELIVERING:
        return _NOTHING
    amount = delivered_amount(
        transaction.fields,
        transaction.meta,
        ledger_index=transaction.ledger.ledger_index,
        close_time=transaction.ledger.header.close_time,
    )
    if amount is None or amount == UNAVAILABLE:
        # The word stands where the raw value would be: a number is missing, and it is said why.
        return (*_NOTHING[:-1], amount)
    return amount_cells(amount)


def of_type(name: str | None, definitions: Definitions) -> TransactionTable:
    """The table of transactions of one type; of all for None."""
    if name is None:
        return TABLE
    code = definitions.transaction_types[name]

    def chosen(transaction: Transaction) -> Iterable[Sequence[Any]]:
        return rows(transaction) if transaction.fields.get("TransactionType") == name else ()

    return TransactionTable(COLUMNS, chosen, NODES, partial(_scan, type_code=code))


def _scan(
    reader: Any, out: Any, ledger: Ledger, blobs: Blobs, first: int, *, type_code: int = -1
) -> int:
    index, closed = ledger.ledger_index, ledger.header.close_time
    done: int = reader.transactions(
        out,
        blobs,
        first,
        type_code,
        index,
        closed + RIPPLE_EPOCH,
        ledger.network_id or 0,
        delivers_in_full(index, closed),
    )
    return done


TABLE = TransactionTable(COLUMNS, rows, NODES, _scan)

"""The table of trades: one row for each offer or pool that a transaction traded with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.derive import TRADE_NODES, trades
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import Asset

from .._assets import amount_cells, units
from .column import columns
from .table import Blobs, Rows, TransactionTable
from .transactions import place

__all__ = ["TABLE", "of_pair", "pair_rows", "pairs_of"]

_PLACE = {
    "ledger_index": "Int64",
    "TransactionIndex": "Int64",
    "close_time": "time",
    "hash": "string",
    "source": "category",
    "maker": "string",
    "taker": "string",
}

_COLUMNS = columns(
    **_PLACE,
    gave="Float64",
    gave_currency="category",
    gave_currency_code="string",
    gave_issuer="string",
    gave_value="string",
    got="Float64",
    got_currency="category",
    got_currency_code="string",
    got_issuer="string",
    got_value="string",
    price="Float64",
)
"""What the maker gave and got; `price` is what was got for one unit of what was given."""

_PAIR_COLUMNS = columns(
    **_PLACE,
    side="category",
    amount="Float64",
    amount_value="string",
    total="Float64",
    total_value="string",
    price="Float64",
)
"""Trades of one pair. `side` is what the taker did with the base; `amount` is of the base, `total`
of the counter, and `price` is counter for one unit of base."""


def _rows(transaction: Transaction) -> Iterator[tuple[Any, ...]]:
    """The rows of a transaction, in the order of its metadata."""
    for trade in trades(transaction.fields, transaction.meta):
        price = trade["price"]
        yield (
            *_place(transaction, trade),
            *amount_cells(trade["gave"]),
            *amount_cells(trade["got"]),
            # To 15 digits, which a float holds.
            None if price is None else float(price),
        )


def pair_rows(transaction: Transaction, base: Asset, counter: Asset) -> Iterator[tuple[Any, ...]]:
    """The rows of the trades between two assets, either way round."""
    for trade in trades(transaction.fields, transaction.meta):
        gave, got = trade["gave"], trade["got"]
        given = (Asset.of(gave), Asset.of(got))
        if given == (base, counter):
            side, amount, total = "buy", gave, got
        elif given == (counter, base):
            side, amount, total = "sell", got, gave
        else:
            continue
        size, worth = units(amount), units(total)
        price = worth / size if size and worth is not None else None
        yield (
            *_place(transaction, trade),
            side,
            size,
            amount["value"],
            worth,
            total["value"],
            price,
        )


def pairs_of(transaction: Transaction) -> set[frozenset[Asset]]:
    """The pairs that it traded."""
    return {
        frozenset((Asset.of(trade["gave"]), Asset.of(trade["got"])))
        for trade in trades(transaction.fields, transaction.meta)
    }


def _place(transaction: Transaction, trade: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*place(transaction), trade["source"], trade["maker"], trade["taker"])


def of_pair(rows: Rows) -> TransactionTable:
    """The table of the trades of a pair, by the function that makes its rows."""
    return TransactionTable(_PAIR_COLUMNS, rows, TRADE_NODES, _scan_for_any)


def _scan_for_any(reader: Any, _: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
    """Passes over transactions that changed no offer and no pool."""
    found: int = reader.trading(blobs, first)
    return found


def _scan(reader: Any, out: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
    index, closed = ledger.ledger_index, ledger.header.close_time
    done: int = reader.trades(out, blobs, first, index, closed + RIPPLE_EPOCH)
    return done


TABLE = TransactionTable(_COLUMNS, _rows, TRADE_NODES, _scan)

"""Makes tables from ledgers while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from contextlib import aclosing
from typing import Any

from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import Asset

from . import _tables as tables
from ._assets import asset_text
from ._frame import Frame, make_frame
from ._reading import LedgerQuery, LedgerReader
from ._session import Session
from ._table_rows import TableRows, reader_for
from ._tables import TransactionTable, of_pair, pair_rows, pairs_of
from .errors import TooManyRows, UnknownPair
from .order_book import offers_of

__all__ = ["ledger_table", "pair_table", "transaction_table"]

# Pairs that are named where another one was not traded.
_LISTED = 6


async def ledger_table(session: Session, query: LedgerQuery, *, max_rows: int) -> Frame:
    """The table of ledgers.

    `attrs` says which ledgers it was made from: `first_ledger`, `last_ledger`.

    Raises:
        TooManyRows: there are more than `max_rows`.
    """
    async with session.call() as reader:
        first, last = await reader.resolve(query)
        definitions = reader.pool.definitions
        compiled = reader_for(definitions)
        listed: list[Sequence[Any]] = []
        async with aclosing(reader.shown(first, last)) as ledgers:
            async for ledger in ledgers:
                known = ledger.definitions is definitions
                listed.extend(tables.ledgers.rows(ledger, compiled if known else None))
                _check_size(listed, ledger, max_rows=max_rows)
    frame = make_frame(tables.ledgers.COLUMNS, listed)
    frame.attrs |= {"first_ledger": first, "last_ledger": last}
    return frame


async def transaction_table(
    session: Session, query: LedgerQuery, table: TransactionTable, *, max_rows: int
) -> Frame:
    """A table of transactions; one that cannot be read has a row that says why.

    Args:
        session: what reads them.
        query: which ledgers.
        table: what it holds.
        max_rows: the most that it may have.

    Raises:
        TooManyRows: there are more than `max_rows`.
    """
    async with session.call() as reader:
        first, last = await reader.resolve(query)
        rows = TableRows(table, reader.pool.definitions)
        async with aclosing(reader.shown(first, last)) as ledgers:
            async for ledger in ledgers:
                rows.add(ledger)
                _check_size(rows, ledger, max_rows=max_rows)
    frame = rows.frame()
    frame.attrs |= {"first_ledger": first, "last_ledger": last}
    return frame


def _check_size(rows: Sized, ledger: Ledger, *, max_rows: int) -> None:
    """Raise `TooManyRows` where a ledger made them too many."""
    if len(rows) > max_rows:
        raise TooManyRows(
            f"the table has more than {max_rows:,} rows at ledger {ledger.ledger_index}: ask for "
            "fewer ledgers, allow more with Explorer(max_rows=...), or write files with "
            "`ekspiper backfill`"
        )


async def pair_table(
    session: Session, query: LedgerQuery, pair: tuple[Asset, Asset], *, max_rows: int
) -> Frame:
    """The trades between two assets, priced in the second for one unit of the first.

    Raises:
        UnknownPair: they were not traded, and there is no order book either.
    """
    traded: dict[frozenset[Asset], int] = {}
    table = of_pair(lambda each: _counted(each, pair, traded))
    last: Ledger | None = None
    async with session.call() as reader:
        first_index, last_index = await reader.resolve(query)
        rows = TableRows(table, reader.pool.definitions)
        async with aclosing(reader.shown(first_index, last_index)) as ledgers:
            async for last in ledgers:
                rows.add(last)
                _check_size(rows, last, max_rows=max_rows)
        if not len(rows) and last is not None:
            # A pair without trades may still have offers, and a typing mistake has neither: only
            # that is an error.
            await _refuse_unknown(reader, pair, last, traded)
    frame = rows.frame()
    frame.attrs |= {
        "pair": "/".join(asset_text(each) for each in pair),
        "first_ledger": first_index,
        "last_ledger": last_index,
    }
    return frame


def _counted(
    transaction: Transaction, pair: tuple[Asset, Asset], traded: dict[frozenset[Asset], int]
) -> list[Sequence[Any]]:
    """The rows of a pair, while it is counted which pairs there are."""
    for each in pairs_of(transaction):
        traded[each] = traded.get(each, 0) + 1
    return list(pair_rows(transaction, *pair))


async def _refuse_unknown(
    reader: LedgerReader,
    pair: tuple[Asset, Asset],
    ledger: Ledger,
    traded: dict[frozenset[Asset], int],
) -> None:
    base, counter = pair
    sides = await offers_of(reader.pool, base, counter, ledger)
    if any(side["offers"] for side in sides):
        return
    raise UnknownPair(
        f"{asset_text(base)}/{asset_text(counter)} was not traded in these ledgers and has no "
        f"order book after ledger {ledger.ledger_index}; {_listed(traded)}"
    )


def _listed(traded: dict[frozenset[Asset], int]) -> str:
    names = [_pair_name(each) for each in sorted(traded, key=lambda one: -traded[one])]
    if not names:
        return "nothing was traded in them"
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"these were traded: {', '.join(names[:_LISTED])}{more}"


def _pair_name(pair: Iterable[Asset]) -> str:
    both = sorted(pair, key=lambda asset: (asset.currency != "XRP", asset))
    return "/".join(asset_text(each) for each in both)

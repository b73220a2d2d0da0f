"""Makes tables from ledgers while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from ekspiper.xrpl.codec import NodeFilter
from ekspiper.xrpl.derive import TRADE_NODES
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import Asset

from ._assets import asset_text
from ._frame import Frame, make_frame
from ._ledger_query import LedgerQuery
from ._ledger_reader import LedgerReader
from ._session import Session
from ._tables import PAIR_COLUMNS, Column, Rows, guarded, pair_rows, pairs_of
from .errors import TooManyRows, UnknownPair
from .order_book import offers_of

__all__ = ["ledger_table", "pair_table", "transaction_table"]

# Pairs that are named where another one was not traded.
_LISTED = 6

LedgerRows = Callable[[Ledger], Iterable[Sequence[Any]]]


async def ledger_table(
    session: Session,
    query: LedgerQuery,
    columns: Sequence[Column],
    rows: LedgerRows,
    *,
    max_rows: int,
) -> Frame:
    """The table of the rows that each ledger gives.

    `attrs` says which ledgers it was made from: `first_ledger`, `last_ledger`.

    Raises:
        TooManyRows: there are more than `max_rows`.
    """
    async with session.call() as reader:
        first, last = await reader.resolve(query)
        listed: list[Sequence[Any]] = []
        async with aclosing(reader.shown(first, last)) as ledgers:
            async for ledger in ledgers:
                _add(listed, rows(ledger), ledger, max_rows=max_rows)
    frame = make_frame(columns, listed)
    frame.attrs |= {"first_ledger": first, "last_ledger": last}
    return frame


async def transaction_table(
    session: Session,
    query: LedgerQuery,
    columns: Sequence[Column],
    rows: Rows,
    *,
    nodes: NodeFilter | None,
    max_rows: int,
) -> Frame:
    """The table of the rows that each transaction gives; one that cannot be read says why.

    Args:
        session: what reads them.
        query: which ledgers.
        columns, rows: of the table.
        nodes: the affected nodes that rows are made from; None: all.
        max_rows: the most that the table may have.

    Raises:
        TooManyRows: there are more than `max_rows`.
    """
    columns, guarded_rows = guarded(columns, rows)

    def of_ledger(ledger: Ledger) -> Iterable[Sequence[Any]]:
        return (row for each in ledger.showing(nodes) for row in guarded_rows(each))

    return await ledger_table(session, query, columns, of_ledger, max_rows=max_rows)


def _add(
    listed: list[Sequence[Any]], rows: Iterable[Sequence[Any]], ledger: Ledger, *, max_rows: int
) -> None:
    """Add a ledger's rows, or raise `TooManyRows`."""
    listed.extend(rows)
    if len(listed) > max_rows:
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
    rows: list[Sequence[Any]] = []
    traded: dict[frozenset[Asset], int] = {}
    last: Ledger | None = None
    columns, rows_of = guarded(PAIR_COLUMNS, lambda each: _counted(each, pair, traded))
    async with session.call() as reader:
        first_index, last_index = await reader.resolve(query)
        async with aclosing(reader.shown(first_index, last_index)) as ledgers:
            async for last in ledgers:
                for transaction in last.showing(TRADE_NODES):
                    _add(rows, rows_of(transaction), last, max_rows=max_rows)
        if not rows and last is not None:
            # A pair without trades may still have offers, and a typing mistake has neither: only
            # that is an error.
            await _refuse_unknown(reader, pair, last, traded)
    frame = make_frame(columns, rows)
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

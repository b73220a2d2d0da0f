"""Order books from the nodes: one whole, or a summary of many."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.client.pool import NodePool
from ekspiper.xrpl.derive import MALFORMED, error_text
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors.book_offer_builder import book_request
from ekspiper.xrpl.processors.books import Asset, Book, books_touched
from ekspiper.xrpl.processors.fetch_book_offers import FetchBookOffers

from .assets import asset_text
from .errors import UnknownPair
from .frame import Frame, make_frame
from .order_book import OrderBook, order_book
from .progress import Bar
from .tables.column import columns

__all__ = ["busiest", "fetch_book", "fetch_summaries", "offers_of"]

log = logging.getLogger("ekspiper.xrpl.explorer")

_AT_ONCE = 4

_COLUMNS = columns(
    base="string",
    counter="string",
    touched="Int64",
    best_bid="Float64",
    best_ask="Float64",
    spread="Float64",
    spread_percent="Float64",
    bids="Int64",
    asks="Int64",
    bid_depth="Float64",
    ask_depth="Float64",
    ledger_index="Int64",
)
"""Prices are counter for one unit of base; depths are base within 2 % of the middle; `touched` is
in how many transactions offers of the pair were made, taken or removed."""


async def fetch_book(pool: NodePool, base: Asset, counter: Asset, ledger: Ledger) -> OrderBook:
    """The book of a pair after a proven ledger.

    Raises:
        UnknownPair: both sides are empty.
    """
    sides = await offers_of(pool, base, counter, ledger)
    book = order_book(base, counter, sides)
    if not len(book.bids) and not len(book.asks):
        raise UnknownPair(
            f"there is no order book {book.name} after ledger {ledger.ledger_index}: nobody offers "
            "one for the other; books('-20:') lists those that were touched lately"
        )
    return book


async def offers_of(
    pool: NodePool, base: Asset, counter: Asset, ledger: Ledger
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records of `book_offers` of those who sell the base, and of those who buy it."""
    fetch = FetchBookOffers(pool)
    selling = book_request(Book(base, counter), ledger)
    buying = book_request(Book(counter, base), ledger)
    (asks,), (bids,) = await asyncio.gather(fetch.process(selling), fetch.process(buying))
    return asks, bids


async def busiest(
    ledgers: AsyncGenerator[Ledger], *, limit: int
) -> tuple[list[tuple[Asset, Asset, int]], Ledger]:
    """The pairs whose offers were touched most often, and the last of the ledgers."""
    counted: Counter[tuple[Asset, Asset]] = Counter()
    last: Ledger | None = None
    async with aclosing(ledgers):
        async for last in ledgers:
            for transaction in last.transactions:
                try:
                    books = books_touched([transaction.meta])
                except (EkspiperError, *MALFORMED) as error:
                    log.warning("%r is left out of the books: %s", transaction, error_text(error))
                    continue
                counted.update({_in_order(book) for book in books if not book.domain})
    assert last is not None, "a range holds at least one ledger"
    return [(*pair, count) for pair, count in counted.most_common(limit)], last


async def fetch_summaries(
    pool: NodePool, pairs: Sequence[tuple[Asset, Asset, int]], ledger: Ledger, *, shown: bool
) -> Frame:
    """A row for each pair; those with offers on neither side are left out."""
    gate = asyncio.Semaphore(_AT_ONCE)
    with Bar("books", total=len(pairs), shown=shown) as bar:

        async def summary(base: Asset, counter: Asset, touched: int) -> tuple[Any, ...] | None:
            async with gate:
                book = order_book(base, counter, await offers_of(pool, base, counter, ledger))
            bar.add()
            return _row(book, touched) if len(book.bids) or len(book.asks) else None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(summary(*pair)) for pair in pairs]
    rows = [row for task in tasks if (row := task.result()) is not None]
    return make_frame(_COLUMNS, rows)


def _row(book: OrderBook, touched: int) -> tuple[Any, ...]:
    mid, spread = book.mid, book.spread
    return (
        asset_text(book.base),
        asset_text(book.counter),
        touched,
        book.best_bid,
        book.best_ask,
        spread,
        None if spread is None or not mid else 100 * spread / mid,
        len(book.bids),
        len(book.asks),
        *book.depth(),
        book.ledger_index,
    )


def _in_order(book: Book) -> tuple[Asset, Asset]:
    """XRP is the base where it is one of the two; otherwise the alphabet decides."""
    both = (book.taker_gets, book.taker_pays)
    first, second = sorted(both, key=lambda asset: (asset.currency != "XRP", asset))
    return first, second

"""An order book at one ledger, and how one or many are read from the nodes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.derive import MALFORMED, error_text, shorten
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import Asset, Book, FetchBookOffers, book_request, books_touched

from ._assets import asset_text, number, units
from ._display import Bar
from ._html import aligned, bar_row, caption, table
from ._tables import columns
from .errors import UnknownPair

if TYPE_CHECKING:
    from ._frame import Frame

__all__ = ["OrderBook", "busiest", "fetch_book", "fetch_summaries", "offers_of", "order_book"]

log = logging.getLogger("ekspiper.xrpl.explorer")

# Offers of each side in the picture.
_SHOWN = 10
# Books that are fetched side by side; each is two requests.
_AT_ONCE = 4

# Prices are counter for one unit of base. Depths are base within 2 % of the middle. `touched`
# counts the transactions in which offers of the pair were made, taken or removed.
_SUMMARY_COLUMNS = columns(
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

_SIDE_COLUMNS = columns(
    price="Float64",
    amount="Float64",
    total="Float64",
    depth="Float64",
    account="string",
    sequence="Int64",
    amount_value="string",
    total_value="string",
    funded="boolean",
)


@dataclass(frozen=True, slots=True, eq=False)
class OrderBook:
    """Offers for one pair, the best first.

    Attributes:
        base, counter: the pair; prices are counter for one unit of base.
        ledger_index: the ledger after which the book stood so.
        bids: who buys the base, the highest price first.
        asks: who sells the base, the lowest price first. Both tables have `price`, `amount` of the
            base, `total` of the counter, `depth` (the amount so far), the offer's `account` and
            `sequence`, the raw values, and whether its owner can pay all of it (`funded`);
            amounts are what the owner can pay.
        truncated: a node gives only so many offers, so there may be more.
    """

    base: Asset
    counter: Asset
    ledger_index: int
    bids: Frame
    asks: Frame
    truncated: bool

    @property
    def best_bid(self) -> float | None:
        """The highest price someone pays; None without bids."""
        return float(self.bids["price"].iloc[0]) if len(self.bids) else None

    @property
    def best_ask(self) -> float | None:
        """The lowest price someone asks; None without asks."""
        return float(self.asks["price"].iloc[0]) if len(self.asks) else None

    @property
    def mid(self) -> float | None:
        """Halfway between the best bid and the best ask; None where one side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    @property
    def spread(self) -> float | None:
        """From the best bid to the best ask; None where one side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask - bid

    @property
    def name(self) -> str:
        """The pair, as `XRP/USD.rIssuer`."""
        return f"{asset_text(self.base)}/{asset_text(self.counter)}"

    def depth(self, within: float = 0.02) -> tuple[float, float]:
        """How much of the base is bid and asked for within a share of the mid price.

        Args:
            within: 0.02 is two percent on either side.
        """
        mid = self.mid
        if mid is None:
            # Without a middle there is nothing to measure from, so all of the side counts.
            return (float(self.bids["amount"].sum()), float(self.asks["amount"].sum()))
        bids = self.bids[self.bids["price"] >= mid * (1 - within)]
        asks = self.asks[self.asks["price"] <= mid * (1 + within)]
        return (float(bids["amount"].sum()), float(asks["amount"].sum()))

    def __repr__(self) -> str:
        spread = self.spread
        middle = "one side is empty" if spread is None else f"spread {number(spread)}"
        return (
            f"<OrderBook {shorten(asset_text(self.base))}/{shorten(asset_text(self.counter))} "
            f"at ledger {self.ledger_index}: {len(self.bids)} bids, {len(self.asks)} asks, {middle}>"
        )

    def _repr_html_(self) -> str:
        base, counter = (shorten(asset_text(each)) for each in (self.base, self.counter))
        facts = f"ledger {self.ledger_index:,}"
        mid, spread = self.mid, self.spread
        if mid and spread is not None:
            facts += f" · mid {number(mid)} · spread {number(spread)} ({spread / mid:.2%})"
        head = (f"price ({counter})", f"amount ({base})", f"depth ({base})", "account")
        most = max(_deepest(self.asks), _deepest(self.bids)) or 1.0
        # The cheapest ask last, so that the best prices of both sides meet in the middle.
        offers = [(offer, "ask") for offer in _top(self.asks)[::-1]]
        offers += [(offer, "bid") for offer in _top(self.bids)]
        columns = zip(*(_numbers(offer) for offer, _ in offers), strict=True)
        cells = zip(*map(aligned, columns), strict=True)
        rows = [
            bar_row((*each, shorten(offer.account)), share=offer.depth / most, kind=kind)
            for each, (offer, kind) in zip(cells, offers, strict=True)
        ]
        title = caption(f"{base} / {counter}", facts)
        more = (
            " There may be more: a node gives at most 100 of each side." if self.truncated else ""
        )
        hidden = max(0, len(self.asks) - _SHOWN) + max(0, len(self.bids) - _SHOWN)
        note = f"{hidden} more offers in .asks and .bids.{more}" if hidden or more else ""
        return title + table(head, rows, note=note)


def order_book(
    base: Asset, counter: Asset, sides: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> OrderBook:
    """The book from two records of `book_offers`: who sells the base, and who buys it."""
    selling, buying = sides
    return OrderBook(
        base,
        counter,
        selling["ledger_index"],
        _side(buying["offers"], base_is_paid=True),
        _side(selling["offers"], base_is_paid=False),
        bool(selling["truncated"] or buying["truncated"]),
    )


def _side(offers: Sequence[Mapping[str, Any]], *, base_is_paid: bool) -> Frame:
    rows, depth = [], 0.0
    for offer in offers:
        gets, pays = (_left(offer, each) for each in ("gets", "pays"))
        amount, total = (pays, gets) if base_is_paid else (gets, pays)
        size, worth = units(amount), units(total)
        price = _price(offer, base_is_paid)
        # Without money behind it an offer cannot be taken, and adds nothing to the depth.
        if not size or worth is None or price is None:
            continue
        depth += size
        rows.append(
            (
                price,
                size,
                worth,
                depth,
                offer["Account"],
                offer["Sequence"],
                amount["value"],
                total["value"],
                "taker_gets_funded" not in offer,
            )
        )
    from ._frame import make_frame

    return make_frame(_SIDE_COLUMNS, rows)


def _left(offer: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    """What the owner can pay, which may be less than the offer says."""
    # Servers count offers whose owners cannot pay, and say beside them what they can.
    funded: Mapping[str, Any] = offer.get(f"taker_{side}_funded") or offer[f"Taker{side.title()}"]
    return funded


def _price(offer: Mapping[str, Any], base_is_paid: bool) -> float | None:
    # The price that the offer names, also where its owner can pay only a part of it.
    gets, pays = units(offer["TakerGets"]), units(offer["TakerPays"])
    # What rounding has left of an offer may be nothing on one side, and has no price.
    if not gets or not pays:
        return None
    return gets / pays if base_is_paid else pays / gets


def _top(side: Frame) -> list[Any]:
    return list(side.head(_SHOWN).itertuples(index=False))


def _deepest(side: Frame) -> float:
    return float(side["depth"].head(_SHOWN).max()) if len(side) else 0.0


def _numbers(offer: Any) -> tuple[str, str, str]:
    return number(offer.price), number(offer.amount), number(offer.depth)


async def fetch_book(pool: NodePool, base: Asset, counter: Asset, ledger: Ledger) -> OrderBook:
    """The book of a pair after a proven ledger.

    Raises:
        UnknownPair: both sides are empty.
    """
    sides = await offers_of(pool, base, counter, ledger)
    book = order_book(base, counter, sides)
    if not len(book.bids) and not len(book.asks):
        raise UnknownPair(
            f"nobody offers {book.name} after ledger {ledger.ledger_index}, either way round; "
            "books('-20:') lists the pairs that were offered lately"
        )
    return book


async def offers_of(
    pool: NodePool, base: Asset, counter: Asset, ledger: Ledger
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two records of `book_offers`: who sells the base, and who buys it."""
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
                    # One by one, so that a transaction that cannot be read leaves out only its own
                    # books.
                    books = books_touched([transaction.meta])
                except (EkspiperError, *MALFORMED) as error:
                    log.warning("%r is left out of the books: %s", transaction, error_text(error))
                    continue
                # As a set: a transaction that touches both sides counts once. Books of permissioned
                # domains are not open to everybody, and `book_offers` is asked for the open ones.
                counted.update({_in_order(book) for book in books if not book.domain})
    assert last is not None, "a range holds at least one ledger"
    return [(*pair, count) for pair, count in counted.most_common(limit)], last


async def fetch_summaries(
    pool: NodePool, pairs: Sequence[tuple[Asset, Asset, int]], ledger: Ledger, *, shown: bool
) -> Frame:
    """A row for each pair that has offers."""
    gate = asyncio.Semaphore(_AT_ONCE)
    with Bar("books", total=len(pairs), shown=shown) as bar:

        async def summary(base: Asset, counter: Asset, touched: int) -> tuple[Any, ...] | None:
            async with gate:
                book = order_book(base, counter, await offers_of(pool, base, counter, ledger))
            bar.add()
            return _row(book, touched) if len(book.bids) or len(book.asks) else None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(summary(*pair)) for pair in pairs]
    from ._frame import make_frame

    rows = [row for task in tasks if (row := task.result()) is not None]
    return make_frame(_SUMMARY_COLUMNS, rows)


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

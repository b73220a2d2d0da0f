"""An order book at one ledger: both sides, the spread and the depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekspiper.xrpl.processors.books import Asset

from .assets import asset_text, number, units
from .frame import Frame, make_frame
from .html import aligned, bar_row, caption, table
from .shorten import shorten
from .tables.column import columns

__all__ = ["OrderBook", "order_book"]

_SHOWN = 10

_COLUMNS = columns(
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
        truncated: the node gave as many offers as it allows, so there may be more.
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
        offers = [(offer, "ask") for offer in _top(self.asks)[::-1]]
        offers += [(offer, "bid") for offer in _top(self.bids)]
        columns = zip(*(_numbers(offer) for offer, _ in offers), strict=True)
        cells = zip(*map(aligned, columns), strict=True)
        rows = [
            bar_row((*each, shorten(offer.account)), share=offer.depth / most, kind=kind)
            for each, (offer, kind) in zip(cells, offers, strict=True)
        ]
        title = caption(f"{base} / {counter}", facts)
        more = " The node gave as many offers as it allows." if self.truncated else ""
        hidden = max(0, len(self.asks) - _SHOWN) + max(0, len(self.bids) - _SHOWN)
        note = f"{hidden} more offers in .asks and .bids.{more}" if hidden or more else ""
        return title + table(head, rows, note=note)


def order_book(
    base: Asset, counter: Asset, sides: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> OrderBook:
    """The book from two records of `book_offers`: that of who sells the base, and who buys it."""
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
    return make_frame(_COLUMNS, rows)


def _left(offer: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    """What the owner can pay, which may be less than what is offered."""
    funded: Mapping[str, Any] = offer.get(f"taker_{side}_funded") or offer[f"Taker{side.title()}"]
    return funded


def _price(offer: Mapping[str, Any], base_is_paid: bool) -> float | None:
    gets, pays = units(offer["TakerGets"]), units(offer["TakerPays"])
    if not gets or not pays:
        return None
    return gets / pays if base_is_paid else pays / gets


def _top(side: Frame) -> list[Any]:
    return list(side.head(_SHOWN).itertuples(index=False))


def _deepest(side: Frame) -> float:
    return float(side["depth"].head(_SHOWN).max()) if len(side) else 0.0


def _numbers(offer: Any) -> tuple[str, str, str]:
    return number(offer.price), number(offer.amount), number(offer.depth)

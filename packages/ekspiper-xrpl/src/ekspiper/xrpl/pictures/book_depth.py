"""How much is bid and asked for, by price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekspiper.core import ConfigError
from ekspiper.xrpl.derive import shorten

from ._axes import BUY, INK, SELL, axes_for, legend

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ekspiper.xrpl.explorer import OrderBook

__all__ = ["book_depth"]


def book_depth(book: OrderBook, *, within: float | None = 0.2, ax: Axes | None = None) -> Axes:
    """Steps of the amount that can be sold down to a price, and bought up to it.

    Args:
        book: as `Explorer.book` gives it.
        within: prices this far from the middle are shown, 0.2 is 20 %; None: all.
        ax: where to draw; new axes without it.
    """
    if not hasattr(book, "bids"):
        raise ConfigError(f"{type(book).__name__} is not an order book: give one made by book()")
    ax = axes_for(ax)
    base, counter = (shorten(each) for each in book.name.split("/"))
    mid = book.mid
    for side, colour, name in ((book.bids, BUY, "bids"), (book.asks, SELL, "asks")):
        prices, depths = _steps(side, mid, within)
        ax.fill_between(prices, depths, step="pre", color=colour, alpha=0.3, label=name)
        ax.step(prices, depths, where="pre", color=colour)
    if mid is not None:
        ax.axvline(mid, color=INK, linewidth=1, linestyle="--")
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"price ({counter} for one {base})")
    ax.set_ylabel(f"depth ({base})")
    ax.set_title(f"{base} / {counter} after ledger {book.ledger_index:,}")
    if ax.get_legend_handles_labels()[0]:
        legend(ax)
    return ax


def _steps(
    side: pd.DataFrame, mid: float | None, within: float | None
) -> tuple[list[float], list[float]]:
    """Prices and depths from the best offer outwards, beginning at no depth."""
    chosen = side
    if mid is not None and within is not None:
        # Somebody always offers at a millionth of the price: the rest would be a line at the edge.
        chosen = side[(side["price"] - mid).abs() <= within * mid]
    prices = [float(each) for each in chosen["price"]]
    depths = [float(each) for each in chosen["depth"]]
    return ([prices[0], *prices], [0.0, *depths]) if prices else ([], [])

"""The price of a pair, from what was really traded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekspiper.xrpl.derive import shorten

from ._axes import BUY, PALETTE, SELL, axes_for, legend, need_columns, time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["price"]

_SIDES = (("buy", BUY), ("sell", SELL))


def price(trades: pd.DataFrame, *, window: int = 15, ax: Axes | None = None) -> Axes:
    """A dot for each trade, its area by the amount, and the average weighted by the amounts.

    Args:
        trades: as `Explorer.trades(..., pair=...)` gives it.
        window: trades that are averaged.
        ax: where to draw; new axes without it.
    """
    columns = ("close_time", "side", "amount", "total", "price")
    need_columns(trades, columns, made_by="trades(pair=...)")
    ax = axes_for(ax)
    known = trades[trades["price"].notna()].sort_values(
        ["close_time", "TransactionIndex"], kind="stable"
    )
    largest = float(known["amount"].max()) or 1.0
    for side, colour in _SIDES:
        chosen = known[known["side"] == side]
        ax.scatter(
            chosen["close_time"].to_numpy(),
            chosen["price"].to_numpy(dtype="float64"),
            s=6 + 120 * chosen["amount"].to_numpy(dtype="float64") / largest,
            color=colour,
            alpha=0.45,
            linewidths=0,
            label=side,
        )
    # Totals over amounts: a plain average of prices would give a dust trade the weight of a large
    # one.
    spent = known["total"].rolling(window, min_periods=1).sum()
    bought = known["amount"].rolling(window, min_periods=1).sum()
    ax.plot(
        known["close_time"].to_numpy(),
        (spent / bought).to_numpy(dtype="float64"),
        color=PALETTE[0],
        label=f"average of {window}",
    )
    pair = [shorten(each) for each in str(trades.attrs.get("pair", "base/counter")).split("/")]
    ax.set_ylabel(f"{pair[-1]} for one {pair[0]}")
    ax.set_title(f"{' / '.join(pair)}: {len(known):,} trades")
    time_axis(ax)
    legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax

"""What transactions paid to be included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._axes import PALETTE, SELL, axes_for, need_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["fee_distribution"]

_BARS = 30


def fee_distribution(transactions: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """A histogram of fees in drops, both axes logarithmic, with the median.

    Transactions inside a Batch pay no fee of their own, and are left out.

    Args:
        transactions: a table with `Fee_drops`.
        ax: where to draw; new axes without it.
    """
    import numpy as np

    need_columns(transactions, ("Fee_drops",), made_by="transactions()")
    ax = axes_for(ax)
    fees = transactions["Fee_drops"].to_numpy(dtype="float64")
    # Pseudo-transactions pay nothing, and a logarithmic axis has no place for 0.
    fees = fees[fees > 0]
    low, high = float(fees.min()), float(fees.max())
    edges = np.geomspace(low * 0.9, high * 1.1, _BARS + 1)
    ax.hist(fees, bins=list(edges), color=PALETTE[0])
    ax.set_xscale("log")
    ax.set_yscale("log")
    # Below 1, so that a bar of one transaction can be seen.
    ax.set_ylim(bottom=0.7)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    ax.xaxis.set_minor_formatter("{x:,.0f}")
    median = float(np.median(fees))
    ax.axvline(median, color=SELL, linewidth=1.5)
    ax.annotate(
        f"median {median:,.0f} drops",
        (median, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(6, -4),
        textcoords="offset points",
        va="top",
        color=ax.xaxis.label.get_color(),
    )
    ax.set_xlabel("fee (drops; a million are one XRP)")
    ax.set_ylabel("transactions")
    ax.set_title("Fees")
    return ax

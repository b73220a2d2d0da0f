"""How many transactions of each type there were, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._axes import PALETTE, axes_for, legend, need_columns, time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["transactions_over_time"]

_STEPS = 40
_SECONDS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 604_800)


def transactions_over_time(
    transactions: pd.DataFrame, *, every: float | None = None, top: int = 6, ax: Axes | None = None
) -> Axes:
    """Stacked areas of the most frequent types.

    Args:
        transactions: a table with `close_time` and `TransactionType`.
        every: seconds that are counted together; by default so that there are about 40 steps.
        top: types that get a colour of their own; the others are put together.
        ax: where to draw; new axes without it.
    """
    import pandas as pd

    need_columns(transactions, ("close_time", "TransactionType"), made_by="transactions()")
    ax = axes_for(ax)
    seconds = every or _step(transactions["close_time"])
    types = transactions["TransactionType"].astype("object")
    frequent = list(types.value_counts().index[:top])
    kinds = types.where(types.isin(frequent), "others")
    times = transactions["close_time"].dt.floor(f"{seconds}s")
    counted = transactions.groupby([times, kinds]).size().unstack(fill_value=0)
    counted = counted.asfreq(f"{seconds}s", fill_value=0)
    # The last step needs an end, or it would have no width.
    counted.loc[counted.index[-1] + pd.Timedelta(seconds=seconds)] = counted.iloc[-1]
    order = [*frequent, *(["others"] if "others" in counted else [])]
    colours = [*PALETTE[: len(frequent)], "#BBBBBB"]
    ax.stackplot(
        counted.index.to_numpy(),
        *(counted[name].to_numpy() for name in order),
        labels=order,
        colors=colours,
        step="post",
    )
    ax.set_ylabel(f"transactions in {seconds:g} s")
    ax.set_title("Transactions by type")
    ax.margins(x=0)
    time_axis(ax)
    handles, labels = ax.get_legend_handles_labels()
    legend(
        ax,
        handles=handles[::-1],
        labels=labels[::-1],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
    return ax


def _step(times: pd.Series[pd.Timestamp]) -> float:
    span = (times.max() - times.min()).total_seconds() / _STEPS
    return next((each for each in _SECONDS if each >= span), _SECONDS[-1])

"""The axes that a picture is drawn on, and how all pictures look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ekspiper.core import ConfigError, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BUY", "INK", "PALETTE", "SELL", "axes_for", "legend", "need_columns", "time_axis"]

# Okabe and Ito's colours, which people with colour blindness tell apart.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
BUY = "#009E73"
SELL = "#D55E00"

# A grey that can be read on white and on black, because pictures have no background. Jupyter puts a
# white or a black box behind such a picture, unless some tick labels are light and some are dark.
# So the axes have this grey and the next lighter one, which are on either side of its limit.
INK = "#7F7F7F"
_LIGHTER_INK = "#808080"


def axes_for(ax: Axes | None, *, size: tuple[float, float] = (9.0, 4.0)) -> Axes:
    """The axes that were given, or new ones in a figure of that size in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingExtra(
            "pictures need matplotlib: pip install 'ekspiper-xrpl[notebook]'"
        ) from None
    if ax is None:
        figure, ax = pyplot.subplots(figsize=size, layout="constrained")
        figure.set_facecolor("none")
        _for_light_and_dark(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)
    return ax


def _for_light_and_dark(ax: Axes) -> None:
    """Let the page show through, and write in grey. Axes that a user gives keep their colours."""
    ax.set_facecolor("none")
    ax.tick_params(axis="x", which="both", color=INK, labelcolor=INK)
    ax.tick_params(axis="y", which="both", color=INK, labelcolor=_LIGHTER_INK)
    ax.spines[:].set_color(INK)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(INK)
    ax.xaxis.get_offset_text().set_color(INK)


def legend(ax: Axes, **placed: Any) -> None:
    """A legend without a frame, in the colour of the axes' own words."""
    ax.legend(frameon=False, labelcolor=ax.xaxis.label.get_color(), **placed)


def time_axis(ax: Axes) -> None:
    """Label the x axis with short times in UTC."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.set_xlabel("closed (UTC)")


def need_columns(frame: Any, columns: Iterable[str], *, made_by: str) -> None:
    """Raise `ConfigError` where a table is not one that the picture can show."""
    missing = [name for name in columns if name not in getattr(frame, "columns", ())]
    if missing:
        raise ConfigError(f"the table has no column {missing[0]!r}: give one made by {made_by}")
    if len(frame) == 0:
        raise ConfigError("the table is empty, so there is nothing to draw: ask for more ledgers")

"""Which validator signed which ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekspiper.core import ConfigError

from ._axes import BUY, SELL, axes_for, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ekspiper.xrpl.explorer import TrustView

__all__ = ["signatures"]


def signatures(trust: TrustView, *, ax: Axes | None = None) -> Axes:
    """A square for each ledger and validator: filled where the validator signed the ledger.

    Args:
        trust: as `Explorer.trust` gives it.
        ax: where to draw; new axes without it.
    """
    if not hasattr(trust, "signatures"):
        raise ConfigError(f"{type(trust).__name__} has no signatures: give what trust() made")
    names = list(trust.validators["validator"])
    ax = axes_for(ax, size=(9.0, 1.2 + 0.25 * len(names)))
    indexes = [int(index) for index in trust.signatures["ledger_index"]]
    for signed, colour, label in ((True, BUY, "signed"), (False, SELL, "not signed")):
        points = [
            (index, place)
            for place, name in enumerate(names)
            for index, mark in zip(indexes, trust.signatures[name], strict=True)
            if bool(mark) is signed
        ]
        if points:
            across, down = zip(*points, strict=True)
            marker = "s" if signed else "x"
            ax.scatter(across, down, color=colour, marker=marker, s=28, label=label)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.set_xlabel("ledger")
    ax.set_title(f"{trust.quorum} of {len(names)} validators must sign")
    ax.locator_params(axis="x", integer=True)
    legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax

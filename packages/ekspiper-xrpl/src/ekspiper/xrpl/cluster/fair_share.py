"""How the bounds that hold for one pool of nodes are shared between the pools of many workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ekspiper.xrpl.client import bounds_for, is_public

__all__ = ["FairShare", "fair_share"]


@dataclass(frozen=True, slots=True)
class FairShare:
    """What one of several pools may ask of each node.

    Attributes:
        pools: how many may be open at the same time; fewer than were wanted where a node cannot
            be shared so finely.
        window: most requests in flight on one node.
        rate: most requests a second on one node; None: no bound.
    """

    pools: int
    window: int
    rate: float | None


def fair_share(
    urls: Iterable[str], pools: int, *, window: int | None = None, rate: float | None = None
) -> FairShare:
    """Share what one pool would ask of these nodes: together, the pools ask for no more.

    Where one of the nodes is a public server, the bounds of public servers hold for all of them.

    Args:
        urls: the nodes; none for the sample, which is in the process itself.
        pools: how many pools would be open at the same time.
        window: most requests in flight on one node, of all pools; None: as in `NodePool`.
        rate: most requests a second on one node, of all pools; None: as in `NodePool`.
    """
    most, bound = bounds_for(window, rate, polite=any(is_public(url) for url in urls))
    shared = max(1, min(pools, most))
    return FairShare(shared, most // shared, None if bound is None else bound / shared)

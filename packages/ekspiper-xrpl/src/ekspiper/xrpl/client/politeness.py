"""How much a node is asked at once: little where it belongs to everybody.

Public servers are not for sustained or business use: https://xrpl.org/docs/tutorials/public-servers
"""

from __future__ import annotations

from urllib.parse import urlsplit

from .window import Window

__all__ = ["is_public", "window_for"]

_PUBLIC = (
    "honeycluster.io",
    "ripple.com",
    "rippletest.net",
    "xahau.network",
    "xrpl-labs.com",
    "xrpl.ws",
    "xrplcluster.com",
)
# Clio lets an address send 20 requests a second unless it is told otherwise; half of that leaves
# room for others behind the same address.
_POLITE_WINDOW = 4
_POLITE_RATE = 10.0
_WINDOW = 128


def is_public(url: str) -> bool:
    """Whether the node is one of the public servers."""
    host = urlsplit(url).hostname or ""
    return any(host == name or host.endswith(f".{name}") for name in _PUBLIC)


def window_for(maximum: int | None, rate: float | None, *, polite: bool) -> Window:
    """The window of a node.

    Args:
        maximum: most requests in flight; None: 128, politely 4.
        rate: most requests a second; None: no bound, politely 10.
    """
    if polite:
        most = maximum or _POLITE_WINDOW
        return Window(initial=min(2, most), maximum=most, rate=rate or _POLITE_RATE)
    return Window(initial=16, maximum=maximum or _WINDOW, rate=rate)

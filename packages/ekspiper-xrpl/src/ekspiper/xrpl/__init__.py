"""The XRP Ledger pipeline: client, codec, flows, daemon and the notebook SDK.

The one facade with logic: `Explorer` is imported when it is first used, so that a program that
only wants the codec does not load a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explorer import Explorer as Explorer

__all__ = ["Explorer"]


def __getattr__(name: str) -> Any:
    if name == "Explorer":
        from .explorer import Explorer

        return Explorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Why something failed, in a few words."""

from __future__ import annotations

__all__ = ["reason_of"]


def reason_of(error: Exception) -> str:
    """The reason alone: errors of the system say number and path as well, and some have no text."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

"""Lays one table of settings over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["lay_over"]


def lay_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """`lower`, with what `upper` says instead; tables are merged key by key.

    A key of `upper` means the key of `lower` that is spelled the same but for upper and lower
    case: environment variables do not tell them apart.
    """
    spelled = {key.lower(): key for key in lower}
    merged = dict(lower)
    for given, value in upper.items():
        key = given if given in lower else spelled.get(given.lower(), given)
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = lay_over(below, value)
        else:
            merged[key] = value
    return merged

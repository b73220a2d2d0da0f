"""Checks of the values with a fixed shape, which also bring them into record shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .misfit import Path
from .plans import Convert, Found

__all__ = ["FIXED_CONVERTS", "bridge", "issue", "path_set", "vector256"]

_STEP = frozenset({"account", "currency", "issuer", "mpt_issuance_id", "type"})
_ISSUES = frozenset(
    {
        frozenset({"currency"}),
        frozenset({"currency", "issuer"}),
        frozenset({"mpt_issuance_id"}),
    }
)
_BRIDGE = ("LockingChainDoor", "LockingChainIssue", "IssuingChainDoor", "IssuingChainIssue")


def vector256(value: list[Any], path: Path, found: Found) -> list[Any]:
    """A list of hashes."""
    for one in value:
        if type(one) is not str or len(one) != 64:
            raise ValueError("it holds something else than hashes")
    return value


def issue(value: dict[str, Any], path: Path, found: Found) -> dict[str, Any]:
    """An asset without an amount."""
    if frozenset(value) not in _ISSUES or {type(one) for one in value.values()} != {str}:
        raise ValueError("it has other members than an asset")
    return value


def bridge(value: dict[str, Any], path: Path, found: Found) -> dict[str, Any]:
    """A cross-chain bridge: a door and an asset on each chain."""
    if len(value) != 4 or any(type(value[door]) is not str for door in _BRIDGE[::2]):
        raise ValueError("it has other members than a bridge")
    for name in _BRIDGE[1::2]:
        issue(value[name], path, found)
    return value


def path_set(value: list[Any], path: Path, found: Found) -> list[dict[str, Any]]:
    """Payment paths, each as `{"steps": [...]}`, so that no list holds a list."""
    return [{"steps": [_step(step) for step in _steps(one)]} for one in value]


def _steps(path: Any) -> list[Any]:
    steps = path["steps"] if type(path) is dict and len(path) == 1 else path
    if type(steps) is not list:
        raise ValueError("a path is a list of steps")
    return steps


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """One step, without `type_hex`, which says nothing more than `type`."""
    parts: dict[str, Any] = {}
    for name, one in step.items():
        if type(one) is (int if name == "type" else str) and name in _STEP:
            parts[name] = one
        elif name != "type_hex":
            raise ValueError("a path step has other members")
    return parts


FIXED_CONVERTS: Mapping[str, tuple[Convert, type]] = {
    "Vector256": (vector256, list),
    "Issue": (issue, dict),
    "XChainBridge": (bridge, dict),
    "PathSet": (path_set, list),
}
"""How to check each type of a fixed shape, and the Python type it comes in."""

"""Checks of decoded objects: a decoder gives every field its type, so only names can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ekspiper.xrpl.codec import UNRECOGNIZED

from .misfit import Misfit, Path, path_text, unread

__all__ = ["Check", "NameRule"]

Check = Callable[[Any, Path, list[Misfit]], Any]
"""Takes a value, its path and the list of misfits; returns the value without its misfits."""

_SHAPES_LIMIT = 4096


class NameRule:
    """The fields that a decoded object may and must have.

    Args:
        name: what its misfits are counted under.
        names: the fields it may have.
        required: the fields it must have.
        checks: the fields with objects inside, and how to check those.
    """

    __slots__ = ("_shapes", "checks", "name", "names", "required")

    def __init__(
        self,
        name: str,
        names: Collection[str],
        required: Sequence[str] = (),
        *,
        checks: Mapping[str, Check] | None = None,
    ) -> None:
        self.name = name
        self.names = frozenset(names)
        self.required = frozenset(required)
        self.checks = checks or {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...] | None] = {}

    def check(self, value: dict[str, Any], path: Path, found: list[Misfit]) -> dict[str, Any]:
        """`value` itself when it fits; otherwise a copy without what does not."""
        names = tuple(value)
        shapes = self._shapes
        holding = shapes[names] if names in shapes else self._learn(names)
        if holding is None:
            return self._without_misfits(value, path, found)
        return self._check_inside(value, holding, path, found) if holding else value

    def _learn(self, names: tuple[str, ...]) -> tuple[str, ...] | None:
        """Which fields of an object with these names hold objects; None if it does not fit."""
        having = frozenset(names)
        fits = self.required <= having <= self.names
        holding = tuple(name for name in names if name in self.checks) if fits else None
        if len(self._shapes) >= _SHAPES_LIMIT:
            self._shapes.clear()
        self._shapes[names] = holding
        return holding

    def _check_inside(
        self, value: dict[str, Any], holding: Iterable[str], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        for name in holding:
            checked = self.checks[name](value[name], (path, name), found)
            if checked is not value[name]:
                value = {**value, name: checked}
        return value

    def _without_misfits(
        self, value: dict[str, Any], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        for name in (name for name in value if name not in self.names):
            if name == UNRECOGNIZED:
                found.append(unread(value[name], (path, name)))
                continue
            where = path_text((path, name))
            found.append(Misfit("unknown_field", f"{self.name}.{name}", where, value[name]))
        for name in sorted(self.required - value.keys()):
            found.append(Misfit("missing_field", f"{self.name}.{name}", path_text((path, name))))
        known = {name: one for name, one in value.items() if name in self.names}
        holding = [name for name in known if name in self.checks]
        return self._check_inside(known, holding, path, found)

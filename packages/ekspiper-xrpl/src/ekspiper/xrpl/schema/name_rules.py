"""Checks of decoded objects: a decoder gives every field its type, so only names can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .misfit import Misfit, Path, path_text

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
        self._shapes: dict[tuple[str, ...], bool] = {}

    def check(self, value: dict[str, Any], path: Path, found: list[Misfit]) -> dict[str, Any]:
        """`value` itself when it fits; otherwise a copy without what does not."""
        key = tuple(value)
        fits = self._shapes.get(key)
        if fits is None:
            fits = self._learn(key)
        return value if fits else self._slow(value, path, found)

    def _learn(self, key: tuple[str, ...]) -> bool:
        names = frozenset(key)
        fits = names <= self.names and self.required <= names and names.isdisjoint(self.checks)
        if len(self._shapes) >= _SHAPES_LIMIT:
            self._shapes.clear()
        self._shapes[key] = fits
        return fits

    def _slow(self, value: dict[str, Any], path: Path, found: list[Misfit]) -> dict[str, Any]:
        record = value
        for name in value:
            if name not in self.names:
                record = {key: one for key, one in record.items() if key != name}
                where = path_text((path, name))
                found.append(Misfit("unknown_field", f"{self.name}.{name}", where, value[name]))
            elif name in self.checks:
                checked = self.checks[name](value[name], (path, name), found)
                if checked is not value[name]:
                    record = {**record, name: checked}
        for name in sorted(self.required - value.keys()):
            found.append(Misfit("missing_field", f"{self.name}.{name}", path_text((path, name))))
        return record

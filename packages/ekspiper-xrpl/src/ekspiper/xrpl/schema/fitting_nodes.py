"""Affected nodes of which everything fits: checked by msgspec in one call, then copied.

Nearly all metadata is so. What is not goes through `JsonRules`, which finds out what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import or_
from typing import Annotated, Any, NamedTuple

import msgspec

from .field_types import NAMED_FIELDS
from .formats import NODE_TYPES, Formats
from .inner_objects import NODE_OBJECTS
from .misfit import Path
from .plans import Convert, Found, drops_amount, issued_amount, short_uint64

__all__ = ["FittingNodes"]


class FittingNodes:
    """Brings affected nodes into the shape of records, if all of them fit.

    Args:
        convert: how to check and change a field of a name and a type that holds more than one
            value, and the Python type it comes in; None: it is not such a field.
    """

    def __init__(
        self, formats: Formats, convert: Callable[[str, str], tuple[Convert, type] | None]
    ) -> None:
        changes, shown = {}, {}
        for entry, fields in formats.ledger_entries.items():
            types = {name: formats.types[name] for name in fields if name in formats.types}
            converts = {name: pair for name in types if (pair := convert(name, types[name]))}
            changes[entry] = _changes(types, converts)
            shown[entry] = _shown_type(entry, types, converts)
        self._changes = changes
        self._type = _nodes_type(shown)

    def normalise(self, value: Any, path: Path, found: Found) -> list[dict[str, Any]] | None:
        """A copy in record shape; None when anything does not fit, and `found` is as it was."""
        before = len(found)
        try:
            msgspec.convert(value, self._type)
            return [self._node(element, (path, at), found) for at, element in enumerate(value)]
        except (msgspec.ValidationError, AttributeError, KeyError, TypeError, ValueError):
            del found[before:]
            return None

    def _node(self, element: dict[str, Any], path: Path, found: Found) -> dict[str, Any]:
        ((kind, node),) = element.items()
        amounts, wide, inner = self._changes[node["LedgerEntryType"]]
        record = node.copy()
        for part in NODE_OBJECTS[kind]:
            if part not in node:
                continue
            shown = record[part] = node[part].copy()
            for name in amounts:
                if name in shown:
                    amount = shown[name]
                    shown[name] = (
                        drops_amount(amount) if type(amount) is str else issued_amount(amount)
                    )
            for name in wide:
                if name in shown:
                    shown[name] = short_uint64(shown[name])
            for name, convert in inner:
                if name in shown:
                    shown[name] = convert(shown[name], (((path, kind), part), name), found)
        return {kind: record}


class _Changes(NamedTuple):
    """The fields of an entry that have another shape in records."""

    amounts: tuple[str, ...]
    wide: tuple[str, ...]
    inner: tuple[tuple[str, Convert], ...]


def _changes(types: Mapping[str, str], converts: Mapping[str, tuple[Convert, type]]) -> _Changes:
    return _Changes(
        amounts=tuple(name for name, type_ in types.items() if type_ == "Amount"),
        wide=tuple(name for name, type_ in types.items() if type_ == "UInt64"),
        inner=tuple((name, convert) for name, (convert, _) in converts.items()),
    )


def _between(low: int, high: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


def _digits(count: int) -> Any:
    return Annotated[str, msgspec.Meta(min_length=count, max_length=count)]


_VALUES: Mapping[str, Any] = {
    "UInt8": _between(0, 0xFF),
    "UInt16": _between(0, 0xFFFF),
    "UInt32": _between(0, 0xFFFFFFFF),
    "Int32": _between(-0x80000000, 0x7FFFFFFF),
    "Hash128": _digits(32),
    "Hash160": _digits(40),
    "Hash192": _digits(48),
    "Hash256": _digits(64),
    "Amount": str | dict[str, Any],
    **dict.fromkeys(("AccountID", "Blob", "Currency", "Int64", "Number", "UInt64"), str),
}
_struct = partial(msgspec.defstruct, forbid_unknown_fields=True, kw_only=True, gc=False)


def _value_type(name: str, type_: str) -> Any:
    return str if name in NAMED_FIELDS else _VALUES.get(type_, Any)


def _optional(name: str, type_: Any) -> tuple[str, Any, Any]:
    return name, type_ if type_ is Any else type_ | msgspec.UnsetType, msgspec.UNSET


def _shown_type(
    entry: str, types: Mapping[str, str], converts: Mapping[str, tuple[Convert, type]]
) -> type[msgspec.Struct]:
    """An entry as metadata shows it: only what changed, so that nothing is required."""
    fields = [
        _optional(name, converts[name][1] if name in converts else _value_type(name, type_))
        for name, type_ in types.items()
    ]
    return _struct(entry, fields)


def _nodes_type(shown: Mapping[str, type[msgspec.Struct]]) -> Any:
    kinds = []
    for kind, parts in NODE_OBJECTS.items():
        frame = [
            (name, _value_type(name, type_))
            if name == "LedgerIndex"
            else _optional(name, _value_type(name, type_))
            for name, type_ in NODE_TYPES.items()
            if name != "LedgerEntryType"
        ]
        nodes = [
            _struct(
                f"{kind}Of{entry}",
                [*frame, *(_optional(part, fields) for part in parts)],
                tag_field="LedgerEntryType",
                tag=entry,
            )
            for entry, fields in shown.items()
        ]
        kinds.append(_optional(kind, reduce(or_, nodes)))
    return list[_struct("AffectedNode", kinds)]  # type: ignore[misc]

"""Arrow back to records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from .arrow import arrow
from .json_text import from_json
from .pointer import put
from .scalars import iso_text, number_text
from .shape import REST, is_json, is_python

__all__ = ["records_of"]


def records_of(table: Any) -> Iterator[dict[str, Any]]:
    """The records that an Arrow table or batch was made from."""
    decoders = {field.name: _decoder(field) for field in table.schema}
    for row in table.to_pylist():
        rest = row.pop(REST, None)
        record = {name: decoders[name](value) for name, value in row.items() if value is not None}
        if rest is not None:
            for at, value in from_json(rest).items():
                put(record, at, value)
        yield record


def _decoder(field: Any) -> Callable[[Any], Any]:
    types = arrow().types
    kind = field.type
    if is_json(field):
        return from_json
    if is_python(field):
        if types.is_decimal(kind):
            return lambda value: Decimal(number_text(value))
        return lambda value: value
    if types.is_struct(kind):
        children = {child.name: _decoder(child) for child in kind.fields}
        return lambda value: {
            name: children[name](item) for name, item in value.items() if item is not None
        }
    if types.is_list(kind) or types.is_large_list(kind):
        member = _decoder(kind.value_field)
        return lambda value: [None if item is None else member(item) for item in value]
    if types.is_timestamp(kind):
        return iso_text
    if types.is_decimal(kind):
        return number_text
    if types.is_binary(kind):
        return lambda value: value.hex().upper()
    return lambda value: value

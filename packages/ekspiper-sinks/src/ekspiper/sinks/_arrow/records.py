"""Arrow back to records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from .._json import from_json, iso_text
from .pyarrow_import import arrow
from .rest import put
from .scalars import number_text
from .shape import REST, is_json, is_python

__all__ = ["records_of"]


def records_of(table: Any, *, empty_lists: bool = True) -> Iterator[dict[str, Any]]:
    """The records that an Arrow table or batch was made from.

    Args:
        empty_lists: as it was encoded: whether columns tell an empty list from none.
    """
    decoders = {field.name: _decoder(field, empty_lists) for field in table.schema}
    for row in table.to_pylist():
        rest = row.pop(REST, None)
        record = _decoded(row, decoders)
        # After the columns: a value may belong inside a struct that a column has.
        if rest is not None:
            for at, value in from_json(rest).items():
                put(record, at, value)
        yield record


def _decoded(values: dict[str, Any], decoders: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """The values that there are."""
    decoded = ((name, decoders[name](value)) for name, value in values.items() if value is not None)
    return {name: value for name, value in decoded if value is not None}


def _decoder(field: Any, empty_lists: bool) -> Callable[[Any], Any]:
    types = arrow().types
    kind = field.type
    if is_json(field):
        return from_json
    if is_python(field):
        if types.is_decimal(kind):
            return lambda value: Decimal(number_text(value))
        return lambda value: value
    if types.is_struct(kind):
        children = {child.name: _decoder(child, empty_lists) for child in kind.fields}
        return lambda value: _decoded(value, children)
    if types.is_list(kind) or types.is_large_list(kind):
        member = _decoder(kind.value_field, empty_lists)

        def decode(value: Any) -> Any:
            if not value and not empty_lists:
                return None
            return [None if item is None else member(item) for item in value]

        return decode
    if types.is_timestamp(kind):
        return iso_text
    if types.is_decimal(kind):
        return number_text
    if types.is_binary(kind):
        return lambda value: value.hex().upper()
    return lambda value: value

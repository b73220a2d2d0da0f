"""Schema evolution: whether one schema can become another, and rows that follow it."""

from __future__ import annotations

from typing import Any

from .pyarrow_import import arrow
from .shape import JSON, REST, is_json

__all__ = ["conflict", "grown", "grown_table", "with_rest"]


def with_rest(schema: Any) -> Any:
    """The schema with the column `_rest` at its end."""
    pa = arrow()
    if REST in schema.names:
        return schema
    return schema.append(pa.field(REST, pa.string(), metadata=JSON))


def conflict(old: Any, new: Any) -> str | None:
    """The first column of `old` that `new` lacks, or has with another type; None when all fit.

    Args:
        old: an Arrow schema or struct type, and so is `new`. More columns in `new` are fine.
    """
    theirs = {field.name: field for field in _fields(new)}
    for field in _fields(old):
        found = theirs.get(field.name)
        if found is None:
            return f"{field.name} is missing"
        inner = _conflict_of_fields(field, found)
        if inner is not None:
            return inner
    return None


def _conflict_of_fields(old: Any, new: Any) -> str | None:
    types = arrow().types
    if types.is_struct(old.type) and types.is_struct(new.type):
        inner = conflict(old.type, new.type)
        return f"{old.name}.{inner}" if inner else None
    if types.is_list(old.type) and types.is_list(new.type):
        inner = _conflict_of_fields(old.type.value_field, new.type.value_field)
        return f"{old.name}: {inner}" if inner else None
    # The mark counts as well: text that was JSON must not be read back as plain text.
    if old.type == new.type and is_json(old) == is_json(new):
        return None
    return f"{old.name} is {_named(old)} there and {_named(new)} here"


def _named(field: Any) -> str:
    return "JSON text" if is_json(field) else str(field.type)


def _fields(schema: Any) -> list[Any]:
    return list(getattr(schema, "fields", schema))


def grown(array: Any, field: Any) -> Any:
    """The array with the type of a grown field: what is new is null.

    Args:
        array: of a type that `field`'s grew from; without an offset.
    """
    pa = arrow()
    if array.type == field.type:
        return array
    if pa.types.is_struct(field.type):
        children = _grown_fields(array, array.type.fields, list(field.type.fields), array.field)
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(field.type.fields), mask=mask)
    if pa.types.is_list(field.type):
        values = grown(array.values, field.type.value_field)
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(array.offsets, values, type=field.type, mask=mask)
    return array.cast(field.type)


def grown_table(table: Any, schema: Any) -> Any:
    """The table with the columns of a grown schema."""
    pa = arrow()
    table = table.combine_chunks()
    columns = _grown_fields(
        table, list(table.schema), list(schema), lambda at: _one_chunk(table.column(at))
    )
    return pa.Table.from_arrays(columns, schema=schema)


def _one_chunk(column: Any) -> Any:
    array = column.combine_chunks()
    return array.chunk(0) if hasattr(array, "num_chunks") else array


def _grown_fields(rows: Any, old: list[Any], new: list[Any], child: Any) -> list[Any]:
    pa = arrow()
    places = {field.name: at for at, field in enumerate(old)}
    return [
        grown(child(places[field.name]), field)
        if field.name in places
        else pa.nulls(len(rows), field.type)
        for field in new
    ]

"""The Arrow schema of a lake's table: types that every table format has, and our own columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ekspiper.core import ConfigError

from .._arrow import (
    JSON,
    PYTHON,
    REST,
    Shape,
    arrow,
    arrow_schema,
    is_json,
    is_python,
    records_of,
    with_rest,
)

__all__ = [
    "LEDGER",
    "ROW",
    "canonical",
    "lake_schema",
    "records_in_order",
    "schema_of_shape",
    "united",
]

ROW = "_row"
"""The column of a row's number in the order in which records came, from 1."""

LEDGER = "ledger_index"
"""The column that tables are partitioned by."""

_RESERVED = frozenset({ROW, REST, "_ledgers"})
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII).fullmatch


def lake_schema(given: Any) -> Any:
    """The schema of a table for records of a given schema, without `_row`; None: of no fields yet.

    Raises:
        ConfigError: table formats have no such type.
    """
    pa = arrow()
    given = pa.schema([pa.field(LEDGER, pa.int64())]) if given is None else given
    return canonical(with_rest(given))


def schema_of_shape(shape: Mapping[str, Shape]) -> Any:
    """The schema of a table for records of a shape.

    Fields with names that not every table format takes are left out, and go to `_rest`.
    """
    return canonical(arrow_schema(_usable(shape)))


def _usable(shape: Mapping[str, Shape]) -> dict[str, Shape]:
    kept: dict[str, Shape] = {}
    seen = set(_RESERVED)
    for name, each in shape.items():
        # Delta Lake and SQL engines do not tell names apart by case.
        if not _NAME(name) or name.lower() in seen:
            continue
        seen.add(name.lower())
        kept[name] = _usable_member(each)
    return kept


def _usable_member(shape: Shape) -> Shape:
    if isinstance(shape, dict):
        return _usable(shape)
    return [_usable_member(each) for each in shape] if isinstance(shape, list) else shape


def records_in_order(
    rows: Any, schema: Any, *, empty_lists: bool = True
) -> Iterator[dict[str, Any]]:
    """The records of a table's rows, in the order of collecting.

    Args:
        rows: an Arrow table, with `_row`.
        schema: of the table, as `canonical` gives it.
        empty_lists: whether an empty list in a column is one; otherwise it stands for none.
    """
    ordered = rows.sort_by(ROW).select(schema.names).cast(schema)
    yield from records_of(ordered, empty_lists=empty_lists)


def canonical(schema: Any) -> Any:
    """The schema with types that Iceberg and Delta Lake have, which they give back as they were.

    Everything may be null, as columns that come later are null in the rows before. Of the metadata
    only our marks stay, as `ekspiper`, and as `doc`, which is what Iceberg keeps.
    """
    return arrow().schema([_field(field) for field in schema if field.name != ROW])


def _field(field: Any) -> Any:
    pa = arrow()
    mark = None
    doc = (field.metadata or {}).get(b"doc")
    if is_json(field) or doc == b"JSON":
        mark = {**JSON, b"doc": b"JSON"}
    elif is_python(field) or doc == b"Python":
        mark = {**PYTHON, b"doc": b"Python"}
    kind = pa.string() if is_json(field) else _type(field.type, field.name)
    return pa.field(field.name, kind, nullable=True, metadata=mark)


def _type(kind: Any, name: str) -> Any:
    pa = arrow()
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([_field(child) for child in kind.fields])
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(_field(kind.value_field.with_name("element")))
    if types.is_timestamp(kind):
        return pa.timestamp("us", tz=None if kind.tz is None else "UTC")
    # One width for all: a column cannot be widened later in every format.
    if types.is_integer(kind):
        return pa.int64()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_binary(kind) or types.is_large_binary(kind):
        return pa.binary()
    if types.is_boolean(kind) or types.is_floating(kind) or types.is_date32(kind):
        return kind
    if types.is_decimal(kind) and kind.precision <= 38:
        return pa.decimal128(kind.precision, kind.scale)
    raise ConfigError(f"the schema's column {name} has type {kind}, which tables of a lake lack")


def united(stored: Any, wanted: Any, *, table: str | None = None) -> Any:
    """The columns of a table, and those that `wanted` has beyond them, `_rest` last.

    Args:
        table: for the error; without it, a column of another type keeps the one that is stored.

    Raises:
        ConfigError: a column has another type in `wanted`.
    """
    rest = [field for field in stored if field.name == REST]
    fields = _united(
        [field for field in stored if field.name != REST],
        [field for field in wanted if field.name != REST],
        table,
    )
    return arrow().schema([*fields, *rest])


def _united(stored: Iterable[Any], wanted: Iterable[Any], table: str | None) -> list[Any]:
    theirs = {field.name: field for field in wanted}
    fields = []
    for field in stored:
        other = theirs.pop(field.name, field)
        fields.append(field if other.type == field.type else _united_field(field, other, table))
    return [*fields, *theirs.values()]


def _united_field(field: Any, other: Any, table: str | None) -> Any:
    pa = arrow()
    types = pa.types
    if types.is_struct(field.type) and types.is_struct(other.type):
        return field.with_type(pa.struct(_united(field.type.fields, other.type.fields, table)))
    if types.is_list(field.type) and types.is_list(other.type):
        member = _united_field(field.type.value_field, other.type.value_field, table)
        return field.with_type(pa.list_(member))
    if field.type == other.type or table is None:
        return field
    raise ConfigError(
        f"{table} has another shape than the schema: column {field.name} is {field.type} there and "
        f"{other.type} here; write to another table"
    )

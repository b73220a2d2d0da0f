"""The shape of records, found by looking at them, and its form as an Arrow schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, Union

from .pyarrow_import import arrow

__all__ = [
    "JSON",
    "PYTHON",
    "REST",
    "Shape",
    "arrow_schema",
    "is_json",
    "is_python",
    "shape_of_schema",
    "widened",
]

JSON = {b"ekspiper": b"json"}
"""Metadata of a text field whose values are JSON."""

PYTHON = {b"ekspiper": b"python"}
"""Metadata of a field whose values are `Decimal`, `datetime`, `date` or `bytes`.

Other fields of these types hold what JSON has in their place: text.
"""

REST = "_rest"
"""The column for what no other column can hold, as a JSON object: value by JSON pointer."""

# Records whose keys are data, such as addresses, would make a column for each.
_MOST_FIELDS = 2_000
_INT64 = range(-(2**63), 2**63)

Scalar: TypeAlias = Literal[
    "bool", "int", "float", "text", "json", "decimal", "instant", "clock", "date", "bytes"
]
Shape: TypeAlias = Union[Scalar, "list[Shape]", "dict[str, Shape]"]
"""A scalar, a list of one shape (`[]` while that is unknown), or the fields of a struct."""


def widened(shape: Shape | None, value: Any, *, depth: int) -> Shape | None:
    """The shape with room for `value`, as far as the types that are there stay the same.

    Args:
        shape: what is known so far; None where nothing is known.
        depth: levels of structs; what lies deeper becomes JSON.
    """
    if isinstance(value, Mapping) and (shape is None or isinstance(shape, dict)):
        return _widened_struct(shape or {}, value, depth) if depth else "json"
    if isinstance(value, list | tuple) and (shape is None or isinstance(shape, list)):
        return _widened_list(shape or [], value, depth)
    # What does not fit the type that is there goes to `_rest`: a column never changes its type.
    return _scalar(value) if shape is None else shape


def _widened_struct(shape: dict[str, Shape], value: Mapping[Any, Any], depth: int) -> Shape:
    fields = dict(shape)
    for name, item in value.items():
        # Left out of the schema, not of the data: the encoder puts it into `_rest`.
        if not isinstance(name, str) or (name not in fields and len(fields) >= _MOST_FIELDS):
            continue
        found = widened(fields.get(name), item, depth=depth - 1)
        if found is not None:
            fields[name] = found
    return fields


def _widened_list(shape: list[Shape], value: list[Any] | tuple[Any, ...], depth: int) -> Shape:
    member = shape[0] if shape else None
    for item in value:
        # Lists of lists become JSON: not every reader of Parquet takes them.
        if isinstance(item, list | tuple):
            member = member or "json"
        else:
            member = widened(member, item, depth=depth)
    return [] if member is None else [member]


def _scalar(value: Any) -> Shape | None:
    if isinstance(value, bool):  # before int, which it is as well
        return "bool"
    if isinstance(value, int):
        return "int" if value in _INT64 else None
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Decimal):
        return "decimal"
    if isinstance(value, datetime):  # with a time zone or without one: two types of Arrow
        return "instant" if value.utcoffset() is not None else "clock"
    if isinstance(value, date):
        return "date"
    return "bytes" if isinstance(value, bytes) else None


def _python_types() -> dict[Shape, Any]:
    pa = arrow()
    return {
        # The most digits that DuckDB, Polars and Spark read; half of them behind the point.
        "decimal": pa.decimal128(38, 18),
        "instant": pa.timestamp("us", tz="UTC"),
        "clock": pa.timestamp("us"),
        "date": pa.date32(),
        "bytes": pa.binary(),
    }


def arrow_schema(shape: Mapping[str, Shape]) -> Any:
    """The Arrow schema of records of a shape, `_rest` included.

    Lists and structs of which nothing is known yet are left out: Parquet has no type for them.
    """
    pa = arrow()
    fields = [_field(name, each) for name, each in shape.items() if name != REST]
    rest = pa.field(REST, pa.string(), metadata=JSON)
    return pa.schema([*(field for field in fields if field is not None), rest])


def _field(name: str, shape: Shape) -> Any:
    pa = arrow()
    if isinstance(shape, dict):
        fields = [found for key, each in shape.items() if (found := _field(key, each)) is not None]
        return pa.field(name, pa.struct(fields)) if fields else None
    if isinstance(shape, list):
        member = _field("item", shape[0]) if shape else None
        return pa.field(name, pa.list_(member)) if member is not None else None
    if shape == "json":
        return pa.field(name, pa.string(), metadata=JSON)
    python = _python_types()
    if shape in python:
        return pa.field(name, python[shape], metadata=PYTHON)
    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string()}
    return pa.field(name, types[shape])


def shape_of_schema(schema: Any) -> dict[str, Shape]:
    """The shape that `arrow_schema` made this schema from."""
    return {field.name: _shape(field) for field in schema if field.name != REST}


def _shape(field: Any) -> Shape:
    pa = arrow()
    if is_json(field):
        return "json"
    if pa.types.is_struct(field.type):
        return {child.name: _shape(child) for child in field.type.fields}
    if pa.types.is_list(field.type):
        return [_shape(field.type.value_field)]
    if is_python(field):
        return next(shape for shape, kind in _python_types().items() if kind == field.type)
    if pa.types.is_boolean(field.type):
        return "bool"
    if pa.types.is_integer(field.type):
        return "int"
    return "float" if pa.types.is_floating(field.type) else "text"


def is_python(field: Any) -> bool:
    """Whether a field holds Python objects that JSON does not have."""
    return (field.metadata or {}).get(b"ekspiper") == b"python"


def is_json(field: Any) -> bool:
    """Whether a field holds JSON text: by our metadata, or as Arrow's JSON type."""
    if getattr(field.type, "extension_name", None) == "arrow.json":
        return True
    return (field.metadata or {}).get(b"ekspiper") == b"json"

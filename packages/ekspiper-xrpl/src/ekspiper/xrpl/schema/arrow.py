"""Schemas as Arrow schemas, and records as Arrow tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from ekspiper.core import MissingExtra

from .schema import Field, Schema

__all__ = ["JSON_METADATA", "arrow_schema", "arrow_table"]

JSON_METADATA = {b"ekspiper": b"json"}
"""The metadata of a field that holds any JSON value as text; ekspiper-sinks knows it."""

Convert = Callable[[Any], Any]

# Signed, and so wide that every value fits: many readers know no unsigned integers.
_BITS = {"UInt8": "int16", "UInt16": "int32", "Int32": "int32"}


def arrow_schema(schema: Schema) -> Any:
    """The `pyarrow.Schema` of a table.

    Integers are signed and wide enough for all their values (UInt32: int64). Amounts are structs
    of text. A field of the kind `json` is text with the metadata `JSON_METADATA`.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    pa = _pyarrow()
    metadata = {b"ekspiper:table": schema.name.encode()}
    return pa.schema([_field(pa, field) for field in schema.fields], metadata=metadata)


def arrow_table(records: Iterable[Mapping[str, Any]], schema: Schema) -> Any:
    """A `pyarrow.Table` of records, with nothing lost.

    Raises:
        MissingExtra: pyarrow is not installed.
        pyarrow.ArrowInvalid, pyarrow.ArrowTypeError: a record does not fit the schema; records
            that the ETL made always do.
    """
    pa = _pyarrow()
    convert = _struct_converter(schema.fields) or dict
    # Converted one by one and not in place: the records are the caller's.
    rows = [convert(record) for record in records]
    return pa.Table.from_pylist(rows, schema=arrow_schema(schema))


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra(
            "Arrow schemas need pyarrow: pip install 'ekspiper-sinks[parquet]'"
        ) from error
    return pa


def _field(pa: Any, field: Field) -> Any:
    # A record of metadata shows any part of an entry, so nested fields may all be missing.
    return pa.field(
        field.name,
        _type(pa, field),
        nullable=True,
        # By this mark a sink knows text that is JSON from text that looks like it.
        metadata=JSON_METADATA if field.kind == "json" else None,
    )


def _type(pa: Any, field: Field) -> Any:
    # A list of JSON values is one JSON text: its members need not have one type.
    inner = _plain_type(pa, field)
    return pa.list_(inner) if field.repeated and field.kind != "json" else inner


def _plain_type(pa: Any, field: Field) -> Any:
    if field.kind == "struct":
        return pa.struct([_field(pa, one) for one in field.fields])
    if field.kind == "integer":
        return getattr(pa, _BITS.get(field.type, "int64"))()
    if field.kind == "boolean":
        return pa.bool_()
    # Whole seconds, as the ledger counts them: a finer unit would pretend to know more.
    if field.kind == "timestamp":
        return pa.timestamp("s", tz="UTC")
    return pa.string()


def _converter(field: Field) -> Convert | None:
    """From a value in a record to what Arrow takes; None where that is the same."""
    if field.kind == "json":
        return _json_text
    if field.kind == "timestamp":
        # Records have times as text, as JSON has no times; Arrow takes only real ones.
        return datetime.fromisoformat
    convert = _struct_converter(field.fields)
    if convert is None or not field.repeated:
        return convert
    return lambda values: [convert(value) for value in values]


def _struct_converter(fields: Iterable[Field]) -> Convert | None:
    converts = {one.name: convert for one in fields if (convert := _converter(one))}
    if not converts:
        return None

    def convert_struct(value: Mapping[str, Any]) -> dict[str, Any]:
        row = dict(value)
        for name in converts.keys() & row.keys():
            if row[name] is not None:
                row[name] = converts[name](row[name])
        return row

    return convert_struct


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()

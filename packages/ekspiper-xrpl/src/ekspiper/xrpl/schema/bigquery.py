"""Schemas as BigQuery's JSON schemas, as `bq mk --schema` takes them."""

from __future__ import annotations

from typing import Any

from .schema import Field, Schema

__all__ = ["bigquery_schema"]

_TYPES = {
    "text": "STRING",
    "integer": "INT64",
    "boolean": "BOOL",
    "timestamp": "TIMESTAMP",
    "struct": "RECORD",
    "json": "JSON",
}


def bigquery_schema(schema: Schema) -> list[dict[str, Any]]:
    """The columns of a table. Records as JSON lines load into it as they are.

    Only columns at the top are `REQUIRED`; below it everything may be missing.
    """
    return [_column(field, top=True) for field in schema.fields]


def _column(field: Field, *, top: bool = False) -> dict[str, Any]:
    column: dict[str, Any] = {"name": field.name, "type": _TYPES[field.kind]}
    if field.repeated and field.kind != "json":
        column["mode"] = "REPEATED"
    else:
        # Nested fields may all be missing: metadata shows only what changed.
        column["mode"] = "REQUIRED" if top and field.required else "NULLABLE"
    if field.kind == "struct":
        column["fields"] = [_column(one) for one in field.fields]
    # What the ledger calls the type: BigQuery's is wider, and does not tell a hash from a memo.
    column["description"] = field.type
    return column

"""Schemas as JSON Schema (draft 2020-12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .formats import Formats
from .inner_objects import NODE_OBJECTS
from .schema import Field, Schema

__all__ = ["json_schema", "transactions_json_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# JSON Schema has numbers of any size; the ledger's fields have not.
_LIMITS = {
    "UInt8": (0, 0xFF),
    "UInt16": (0, 0xFFFF),
    "UInt32": (0, 0xFFFFFFFF),
    "Int32": (-0x80000000, 0x7FFFFFFF),
}
_PATTERNS = {
    "Hash128": "^[0-9A-F]{32}$",
    "Hash160": "^[0-9A-F]{40}$",
    "Hash192": "^[0-9A-F]{48}$",
    "Hash256": "^[0-9A-F]{64}$",
    "Vector256": "^[0-9A-F]{64}$",
    "Blob": "^([0-9A-F]{2})*$",
    "Timestamp": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
}
_PARTS = {part for parts in NODE_OBJECTS.values() for part in parts}


def json_schema(schema: Schema) -> dict[str, Any]:
    """The JSON Schema of one kind of record, complete in itself."""
    return {"$schema": DRAFT, "title": schema.name, **_object(schema.fields)}


def transactions_json_schema(formats: Formats) -> dict[str, Any]:
    """The JSON Schema of all transactions: by `TransactionType`, and in metadata by entry type.

    A transaction of a type that the definitions do not know is checked for the fields that the
    pipeline adds, and nothing more.
    """
    record = formats.record_fields()
    entries = {name: _shown(formats, name) for name in formats.ledger_entries}
    definitions: dict[str, Any] = {
        f"entry.{name}": _object(fields) for name, fields in entries.items()
    }
    # Defined once and referred to: written out in each type, the schema would be many megabytes.
    definitions["meta"] = _metadata(formats, entries)
    known = [one for one in record if one.name != "meta"]
    cases = []
    for name in formats.transactions:
        fields = [one for one in formats.transaction(name).fields if one.name != "meta"]
        body = _object(fields)
        body["properties"]["meta"] = {"$ref": "#/$defs/meta"}
        body["required"].append("meta")
        definitions[name] = body
        cases.append(_case("TransactionType", name, f"#/$defs/{name}"))
    # Open, as JSON Schema cannot say "closed unless one of the cases below holds".
    shared = _object(known, closed=False)
    shared["properties"] |= {"TransactionType": {"type": "string"}}
    shared["properties"]["meta"] = {"$ref": "#/$defs/meta"}
    shared["required"] += ["TransactionType", "meta"]
    return {
        "$schema": DRAFT,
        "title": "transactions",
        **shared,
        "allOf": cases,
        "$defs": definitions,
    }


def _shown(formats: Formats, name: str) -> list[Field]:
    """The fields of an entry as metadata shows them: whichever changed."""
    skip = {"LedgerEntryType", "index", "ledger_index", "ledger_hash", "_unrecognized"}
    fields = formats.ledger_entry(name).fields
    return [replace(one, required=False) for one in fields if one.name not in skip]


def _metadata(formats: Formats, entries: Iterable[str]) -> dict[str, Any]:
    meta = _object(formats.metadata().fields)
    nodes = {}
    affected = next(one for one in formats.metadata().fields if one.name == "AffectedNodes")
    for node in affected.fields:
        body = _object([one for one in node.fields if one.name not in _PARTS])
        parts = NODE_OBJECTS[node.name]
        body["properties"] |= {part: {"type": "object"} for part in parts}
        body["allOf"] = [_parts_case(name, parts) for name in entries]
        nodes[node.name] = body
    meta["properties"]["AffectedNodes"] = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": nodes,
            "additionalProperties": False,
            # An element is an object with one member, whose name says what it is.
            "minProperties": 1,
            "maxProperties": 1,
        },
    }
    return meta


def _parts_case(entry: str, parts: Iterable[str]) -> dict[str, Any]:
    case = _case("LedgerEntryType", entry, "")
    # By the node's entry type, which JSON Schema can only say as a case for each.
    case["then"] = {"properties": {part: {"$ref": f"#/$defs/entry.{entry}"} for part in parts}}
    return case


def _case(field: str, value: str, reference: str) -> dict[str, Any]:
    condition = {"properties": {field: {"const": value}}, "required": [field]}
    return {"if": condition, "then": {"$ref": reference}}


def _object(fields: Iterable[Field], *, closed: bool = True) -> dict[str, Any]:
    fields = list(fields)
    body: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: _value(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }
    if closed:
        body["additionalProperties"] = False
    return body


def _value(field: Field) -> dict[str, Any]:
    if field.type == "STArray" and field.kind == "struct":
        element = _object(field.fields) | {"minProperties": 1, "maxProperties": 1}
        return {"type": "array", "items": element}
    single = _single(field)
    return {"type": "array", "items": single} if field.repeated else single


def _single(field: Field) -> dict[str, Any]:
    if field.kind == "struct":
        return _object(field.fields)
    if field.kind == "integer":
        low, high = _LIMITS.get(field.type, (0, 0xFFFFFFFF))
        return {"type": "integer", "minimum": low, "maximum": high}
    if field.kind == "json":
        return {}
    if field.kind == "boolean":
        return {"type": "boolean"}
    pattern = _PATTERNS.get(field.type)
    return {"type": "string"} | ({"pattern": pattern} if pattern else {})

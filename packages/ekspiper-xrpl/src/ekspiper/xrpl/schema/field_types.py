"""How each type of the definitions looks in a record, and which fields are shown by name."""

from __future__ import annotations

from collections.abc import Mapping

from .schema import Field, Kind

__all__ = ["KINDS", "NAMED_FIELDS", "SHAPES", "field_of_type"]

KINDS: Mapping[str, Kind] = {
    "UInt8": "integer",
    "UInt16": "integer",
    "UInt32": "integer",
    "Int32": "integer",
    "Amount": "struct",
    "Issue": "struct",
    "PathSet": "struct",
    "XChainBridge": "struct",
    "STObject": "struct",
    "STArray": "struct",
    "Transaction": "json",
    "LedgerEntry": "json",
    "Metadata": "json",
    "Timestamp": "timestamp",
    "Json": "json",
}
"""Kind by type; every other type is text: hashes, addresses, blobs in hex, wide integers."""

NAMED_FIELDS = frozenset(
    {"TransactionType", "LedgerEntryType", "TransactionResult", "PermissionValue"}
)
"""Integers that a record shows by the name that the definitions have for them."""


def _text(name: str, *, required: bool = False) -> Field:
    return Field(name, "Text", "text", required)


_ISSUE = (_text("currency"), _text("issuer"), _text("mpt_issuance_id"))

SHAPES: Mapping[str, tuple[Field, ...]] = {
    "Amount": (
        _text("currency", required=True),
        _text("issuer", required=True),
        _text("value", required=True),
        _text("mpt_issuance_id"),
    ),
    "Issue": _ISSUE,
    "XChainBridge": (
        _text("LockingChainDoor", required=True),
        Field("LockingChainIssue", "Issue", "struct", True, fields=_ISSUE),
        _text("IssuingChainDoor", required=True),
        Field("IssuingChainIssue", "Issue", "struct", True, fields=_ISSUE),
    ),
    "PathSet": (
        Field(
            "steps",
            "PathStep",
            "struct",
            True,
            repeated=True,
            fields=(
                _text("account"),
                _text("currency"),
                _text("issuer"),
                _text("mpt_issuance_id"),
                Field("type", "UInt8", "integer"),
            ),
        ),
    ),
}
"""The members of the types that have a fixed shape."""


def field_of_type(name: str, type_: str, *, required: bool = False) -> Field:
    """A field of a type that says all of its shape; not of `STObject` and `STArray`."""
    # An unknown type is shown in hex, which is text, so that no value of it is lost.
    kind: Kind = "text" if name in NAMED_FIELDS else KINDS.get(type_, "text")
    # Lists by their type: paths, and hashes. Arrays of objects are built elsewhere.
    repeated = type_ in ("PathSet", "Vector256")
    return Field(name, type_, kind, required, repeated, SHAPES.get(type_, ()))

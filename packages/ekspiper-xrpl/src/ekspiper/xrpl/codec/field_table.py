"""The decoder's table: for the code of each field, its name and how it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from ._readers import (
    Reader,
    account_reader,
    bridge_reader,
    fixed_hex_reader,
    issue_reader,
    named_reader,
    path_set_reader,
    read_amount_as_hex,
    read_blob,
    read_currency,
    read_int32,
    read_int64,
    read_number,
    read_uint64_base10,
    read_vector256,
    span_reader,
)
from .address import AddressCache
from .definitions import Definitions, Field
from .errors import CodecError

__all__ = [
    "BASE_10",
    "UNRECOGNIZED",
    "Entry",
    "FieldTable",
    "Kind",
    "permission_names",
    "unknown_field",
]

UNRECOGNIZED = "_unrecognized"
"""The key of the rest of an object, in hex, from the first field of an unknown type on."""


class Kind(IntEnum):
    """How a field is read; the commonest first, as the decoder asks in this order."""

    UINT32 = 0
    HEX = 1
    AMOUNT = 2
    OBJECT = 3
    OBJECT_END = 4
    NAME16 = 5
    ACCOUNT = 6
    BLOB = 7
    UINT64 = 8
    ARRAY = 9
    READER = 10
    UINT8 = 11
    UINT16 = 12
    UNKNOWN_TYPE = 13
    RAW_OBJECT = 14
    RAW_ARRAY = 15
    ARRAY_END = 16
    EXTENDED = 17


Entry = tuple[int, str, Any]
"""Kind, name, and what the kind needs: a size in hex digits, a table of names, a reader."""

# rippled prints these in base 10, all other 64-bit integers in hex (SField::sMD_BaseTen).
BASE_10 = frozenset(
    {
        "MaximumAmount",
        "OutstandingAmount",
        "MPTAmount",
        "LockedAmount",
        "ConfidentialOutstandingAmount",
    }
)

# Permissions to part of a transaction type; a whole type has its code plus one.
# Source: rippled's permissions.macro.
_GRANULAR_PERMISSIONS: Final = (
    "TrustlineAuthorize",
    "TrustlineFreeze",
    "TrustlineUnfreeze",
    "AccountDomainSet",
    "AccountEmailHashSet",
    "AccountMessageKeySet",
    "AccountTransferRateSet",
    "AccountTickSizeSet",
    "PaymentMint",
    "PaymentBurn",
    "MPTokenIssuanceLock",
    "MPTokenIssuanceUnlock",
    "SponsorFee",
    "SponsorReserve",
)
_FIRST_GRANULAR = 65537

_FIXED_HEX = re.compile(r"(?:Hash|UInt)(\d+)")
_UNKNOWN = re.compile(r"Unknown_(\w+)_([1-9]\d{0,2})")


def permission_names(definitions: Definitions) -> dict[int, str]:
    """The names of `PermissionValue`, by value."""
    names = {code + 1: name for name, code in definitions.transaction_types.items()}
    names.update(enumerate(_GRANULAR_PERMISSIONS, _FIRST_GRANULAR))
    return names


def unknown_field(name: str, definitions: Definitions) -> tuple[int, int, str]:
    """Type code, number and type of a field that the decoder called by what it knew of it.

    Raises:
        CodecError: it is not such a name.
    """
    match = _UNKNOWN.fullmatch(name)
    if match is None or match[1] not in definitions.types:
        raise CodecError(f"{name}: the definitions know no such field")
    return definitions.types[match[1]], int(match[2]), match[1]


class _Names(dict[int, str | int]):
    """Names by code; a code without a name is itself, and is counted as drift."""

    def __init__(self, field: str, names: Mapping[int, str], drift: Counter[str]) -> None:
        super().__init__(names)
        self._field = field
        self._drift = drift

    def __missing__(self, code: int) -> int:
        self._drift[f"{self._field} {code}"] += 1
        return code


@dataclass(frozen=True, slots=True)
class _Type:
    """How a type's values are read, and how they are kept as hex when the field is unknown."""

    kind: Kind
    argument: Any
    raw: Reader


class FieldTable:
    """Entries by field code.

    Args:
        wrap_paths: give each payment path as `{"steps": [...]}`.
        drift: counts what the definitions do not know.
    """

    def __init__(
        self,
        definitions: Definitions,
        *,
        addresses: AddressCache,
        wrap_paths: bool,
        drift: Counter[str],
    ) -> None:
        self.definitions = definitions
        self._drift = drift
        self._types = _types(definitions, addresses, wrap_paths=wrap_paths)
        self._type_names = {code: name for name, code in definitions.types.items()}
        self.names = self._name_tables()
        """The names of codes, by field."""
        self._extended: dict[tuple[int, int], Entry] = {}
        self.short: list[Entry] = [self._short(first) for first in range(256)]
        """Entries by first byte; `EXTENDED` where the code goes on in the next bytes."""

    def _name_tables(self) -> dict[str, _Names]:
        definitions = self.definitions
        tables: dict[str, Mapping[int, str]] = {
            "TransactionType": {c: n for n, c in definitions.transaction_types.items()},
            "LedgerEntryType": {c: n for n, c in definitions.ledger_entry_types.items()},
            "TransactionResult": {c: n for n, c in definitions.transaction_results.items()},
            "PermissionValue": permission_names(definitions),
        }
        return {field: _Names(field, table, self._drift) for field, table in tables.items()}

    def _short(self, first: int) -> Entry:
        # One byte holds type and number below 16; a half that is 0 says that more bytes follow.
        type_code, nth = first >> 4, first & 15
        return self.entry(type_code, nth) if type_code and nth else (Kind.EXTENDED, "", None)

    def extended(self, data: bytes, position: int) -> tuple[Entry, int]:
        """The entry of a code of two or three bytes, and the position after it."""
        first = data[position]
        type_code, nth = first >> 4, first & 15
        position += 1
        if not type_code:
            type_code = data[position]
            position += 1
            if type_code < 16:
                raise ValueError(f"a field code with the type {type_code} in a byte of its own")
        if not nth:
            nth = data[position]
            position += 1
            if nth < 16:
                raise ValueError(f"a field code with the number {nth} in a byte of its own")
        entry = self._extended.get((type_code, nth))
        if entry is None:
            entry = self._extended[type_code, nth] = self.entry(type_code, nth)
        return entry, position

    def entry(self, type_code: int, nth: int) -> Entry:
        """How the field of that code is read, whether the definitions know it or not."""
        field = self.definitions.fields_by_code.get(type_code << 16 | nth)
        if field is None:
            return self._unknown(type_code, nth)
        if field.name == "ObjectEndMarker":
            return (Kind.OBJECT_END, field.name, None)
        if field.name == "ArrayEndMarker":
            return (Kind.ARRAY_END, field.name, None)
        return self._known(field)

    def _known(self, field: Field) -> Entry:
        names = self.names.get(field.name)
        if names is not None:
            if field.type == "UInt16":
                return (Kind.NAME16, field.name, names)
            return (Kind.READER, field.name, named_reader(_NAME_SIZES[field.type], names))
        if field.type == "UInt64" and field.name in BASE_10:
            return (Kind.READER, field.name, read_uint64_base10)
        found = self._types.get(field.type)
        if found is not None:
            return (found.kind, field.name, found.argument)
        if field.is_variable_length:
            # The type is not known, but its length is: what comes after it can be read.
            return (Kind.READER, field.name, self._counted(f"type {field.type}", read_blob))
        return (Kind.UNKNOWN_TYPE, f"type {field.type}, field {field.name}", None)

    def _unknown(self, type_code: int, nth: int) -> Entry:
        type_name = self._type_names.get(type_code, str(type_code))
        found = self._types.get(type_name)
        if found is None:
            return (Kind.UNKNOWN_TYPE, f"type {type_name}, field {nth}", None)
        name = f"Unknown_{type_name}_{nth}"
        if found.kind is Kind.OBJECT:
            return (Kind.RAW_OBJECT, name, None)
        if found.kind is Kind.ARRAY:
            return (Kind.RAW_ARRAY, name, None)
        return (Kind.READER, name, self._counted(name, found.raw))

    def _counted(self, what: str, inner: Reader) -> Reader:
        drift = self._drift

        def read(data: bytes, position: int, end: int) -> tuple[Any, int]:
            drift[what] += 1
            return inner(data, position, end)

        return read


_NAME_SIZES = {"UInt8": 1, "UInt16": 2, "UInt32": 4}


def _types(
    definitions: Definitions, addresses: AddressCache, *, wrap_paths: bool
) -> dict[str, _Type]:
    account = account_reader(addresses)
    issue = issue_reader(addresses)
    types = {
        "UInt8": _Type(Kind.UINT8, None, fixed_hex_reader(1)),
        "UInt16": _Type(Kind.UINT16, None, fixed_hex_reader(2)),
        "UInt32": _Type(Kind.UINT32, None, fixed_hex_reader(4)),
        "UInt64": _Type(Kind.UINT64, None, fixed_hex_reader(8)),
        "Amount": _Type(Kind.AMOUNT, None, read_amount_as_hex),
        "Blob": _Type(Kind.BLOB, None, read_blob),
        "AccountID": _Type(Kind.ACCOUNT, account, read_blob),
        "Vector256": _Type(Kind.READER, read_vector256, read_blob),
        "STObject": _Type(Kind.OBJECT, None, read_blob),
        "STArray": _Type(Kind.ARRAY, None, read_blob),
    }
    readers: dict[str, Reader] = {
        "Int32": read_int32,
        "Int64": read_int64,
        "Number": read_number,
        "Currency": read_currency,
        "PathSet": path_set_reader(addresses, wrap=wrap_paths),
        "Issue": issue,
        "XChainBridge": bridge_reader(account, issue),
    }
    types.update(
        (name, _Type(Kind.READER, reader, span_reader(reader))) for name, reader in readers.items()
    )
    for name in definitions.types.keys() - types.keys():
        if fixed := _FIXED_HEX.fullmatch(name):
            size = int(fixed[1]) // 8
            types[name] = _Type(Kind.HEX, size * 2, fixed_hex_reader(size))
    return types

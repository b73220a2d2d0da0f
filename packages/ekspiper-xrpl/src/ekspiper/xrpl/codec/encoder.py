"""From JSON values back to the bytes of transactions, metadata and ledger objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from .definitions import Definitions, Field
from .errors import CodecError
from .field_table import BASE_10, permission_names
from .writers import (
    AccountCache,
    Writer,
    account_writer,
    amount_writer,
    bridge_writer,
    fixed_hex_writer,
    int_writer,
    issue_writer,
    named_writer,
    path_set_writer,
    uint_writer,
    write_blob,
    write_currency,
    write_number,
    write_uint64,
    write_uint64_base10,
    write_vector256,
)

__all__ = ["Encoder"]

_OBJECT_END, _ARRAY_END = b"\xe1", b"\xf1"
_FIXED_HEX = re.compile(r"(?:Hash|UInt)(\d+)")

_Entry = tuple[int, bytes, Writer]
"""A field's code, the bytes of the code, and how its values are written."""

_code = itemgetter(0)


class Encoder:
    """Encodes what `Decoder` made, in either shape: amounts and paths are told by their form.

    Args:
        definitions: what the fields are; those of the installed xrpl-py without it.
    """

    def __init__(self, definitions: Definitions | None = None) -> None:
        self.definitions = Definitions.bundled() if definitions is None else definitions
        self._writers = self._writers_by_type()
        self._named = self._writers_by_name()
        self._entries: dict[str, _Entry] = {}

    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """The bytes of a transaction, of metadata or of a ledger object, in canonical order.

        Raises:
            CodecError: a field is not known, or a value is none of its type; says which. Or objects
                are nested without end.
        """
        try:
            return self._fields(fields)
        except RecursionError:
            raise CodecError("objects are nested too deep") from None

    def _fields(self, fields: Mapping[str, Any]) -> bytes:
        entries = self._entries
        rows = [
            (*(entries.get(name) or self._learn(name)), name, value)
            for name, value in fields.items()
        ]
        rows.sort(key=_code)
        parts: list[bytes] = []
        for _, header, write, name, value in rows:
            try:
                parts += (header, write(value))
            except CodecError as error:
                raise CodecError(f"{name}: {error}") from error
            except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
                raise CodecError(f"{name}: {value!r:.80} is none of its type: {error}") from error
        return b"".join(parts)

    def _learn(self, name: str) -> _Entry:
        field = self.definitions.fields.get(name)
        if field is None or not field.is_serialized:
            raise CodecError(f"{name}: the definitions know no such field")
        entry = (field.code, _header(field), self._writer(field))
        self._entries[name] = entry
        return entry

    def _writer(self, field: Field) -> Writer:
        named = self._named.get(field.name)
        if named is not None:
            return named
        if field.type == "UInt64" and field.name in BASE_10:
            return write_uint64_base10
        writer = self._writers.get(field.type)
        if writer is None:
            raise CodecError(f"{field.name}: nothing writes the type {field.type}")
        return writer

    def _object(self, value: Mapping[str, Any]) -> bytes:
        return self._fields(value) + _OBJECT_END

    def _array(self, value: list[Mapping[str, Any]]) -> bytes:
        return b"".join(map(self._fields, value)) + _ARRAY_END

    def _writers_by_name(self) -> dict[str, Writer]:
        definitions = self.definitions
        permissions = {name: code for code, name in permission_names(definitions).items()}
        return {
            "TransactionType": named_writer(2, definitions.transaction_types),
            "LedgerEntryType": named_writer(2, definitions.ledger_entry_types),
            "TransactionResult": named_writer(1, definitions.transaction_results),
            "PermissionValue": named_writer(4, permissions),
        }

    def _writers_by_type(self) -> dict[str, Writer]:
        accounts = AccountCache()
        account, issue = account_writer(accounts), issue_writer(accounts)
        fixed = {
            name: fixed_hex_writer(int(match[1]) // 8)
            for name in self.definitions.types
            if (match := _FIXED_HEX.fullmatch(name))
        }
        return {
            **fixed,
            "UInt8": uint_writer(1),
            "UInt16": uint_writer(2),
            "UInt32": uint_writer(4),
            "UInt64": write_uint64,
            "Int32": int_writer(4),
            "Int64": int_writer(8),
            "Amount": amount_writer(accounts),
            "Blob": write_blob,
            "AccountID": account,
            "Vector256": write_vector256,
            "STObject": self._object,
            "STArray": self._array,
            "Number": write_number,
            "Currency": write_currency,
            "PathSet": path_set_writer(accounts),
            "Issue": issue,
            "XChainBridge": bridge_writer(account, issue),
        }


def _header(field: Field) -> bytes:
    """The field's code in one to three bytes.

    Source: https://xrpl.org/docs/references/protocol/binary-format#field-ids
    """
    high, low = field.type_code, field.nth
    if high < 16 and low < 16:
        return bytes((high << 4 | low,))
    if high < 16:
        return bytes((high << 4, low))
    if low < 16:
        return bytes((low, high))
    return bytes((0, high, low))

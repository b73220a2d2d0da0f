"""From JSON values back to the bytes of transactions, metadata and ledger objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from ._writers import (
    AccountCache,
    Writer,
    account_writer,
    amount_writer,
    bridge_writer,
    fixed_hex_writer,
    issue_writer,
    named_writer,
    path_set_writer,
    uint_writer,
    write_blob,
    write_currency,
    write_hex,
    write_int32,
    write_int64,
    write_number,
    write_uint64,
    write_uint64_base10,
    write_vector256,
)
from .definitions import Definitions, Field
from .errors import CodecError
from .field_table import BASE_10, UNRECOGNIZED, permission_names, unknown_field

__all__ = ["Encoder"]

_OBJECT_END, _ARRAY_END = b"\xe1", b"\xf1"
_FIXED_HEX = re.compile(r"(?:Hash|UInt)(\d+)")

# The types whose values have their length before them.
_COUNTED = frozenset({"Blob", "AccountID", "Vector256"})

# A field's code, the bytes of the code, and how its values are written.
_Entry = tuple[int, bytes, Writer]

_code = itemgetter(0)


class _Ended(Exception):
    """A value that could not be read to its end was written: nothing comes after it."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Encoder:
    """Encodes what `Decoder` made, in either shape: amounts and paths are told by their form.

    What the decoder kept as hex (`Unknown_UInt32_99`, `_unrecognized`) is written as it was, also
    where these definitions know it. Values that are not canonical are refused, see `writers`.

    Args:
        definitions: what the fields are; those of the installed xrpl-py without it.
    """

    def __init__(self, definitions: Definitions | None = None) -> None:
        self.definitions = Definitions.bundled() if definitions is None else definitions
        self._writers = self._writers_by_type()
        self._named = self._writers_by_name()
        self._entries: dict[str, _Entry] = {}
        self._is_object = lru_cache(maxsize=1024)(self._is_an_object)

    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """The bytes of a transaction, of metadata or of a ledger object, in canonical order.

        Raises:
            CodecError: a field is not known, or a value does not fit its type; says which. Or objects
                are nested without end.
        """
        try:
            return self._fields(fields)
        except _Ended as ended:
            return ended.data
        except RecursionError:
            raise CodecError("objects are nested too deep") from None

    def _fields(self, fields: Mapping[str, Any]) -> bytes:
        entries = self._entries
        rows = [
            (*(entries.get(name) or self._learn(name)), name, value)
            for name, value in fields.items()
        ]
        rows.sort(key=_code)  # the canonical order, which is what was hashed
        parts: list[bytes] = []
        for at, (_, header, write, name, value) in enumerate(rows, start=1):
            try:
                parts += (header, write(value))
            except _Ended as ended:
                # The rest in hex holds the end markers of everything around it as well, so that
                # nothing may be written after it, up to the outermost object.
                if at != len(rows):
                    after = rows[at][3]
                    raise CodecError(
                        f"{name} was not read to its end, but {after} is there"
                    ) from None
                raise _Ended(b"".join((*parts, header, ended.data))) from None
            except CodecError as error:
                raise CodecError(f"{name}: {error}") from error
            except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
                raise CodecError(f"{name}: {value!r:.80} does not fit its type: {error}") from error
        return b"".join(parts)

    def _learn(self, name: str) -> _Entry:
        if name == UNRECOGNIZED:
            entry: _Entry = (_LAST, b"", _rest)
        elif field := self.definitions.fields.get(name):
            if not field.is_serialized:
                raise CodecError(f"{name}: it is not part of what the ledger holds")
            entry = (field.code, _header(field.type_code, field.nth), self._writer(field))
        else:
            entry = self._raw(name)
        self._entries[name] = entry
        return entry

    def _writer(self, field: Field) -> Writer:
        named = self._named.get(field.name)
        if named is not None:
            return named
        if field.type == "UInt64" and field.name in BASE_10:
            return write_uint64_base10
        writer = self._writers.get(field.type)
        if writer is not None:
            return writer
        if field.is_variable_length:
            return write_blob
        raise CodecError(f"{field.name}: nothing writes the type {field.type}")

    def _raw(self, name: str) -> _Entry:
        """A field that the decoder did not know: its hex, between what stands around a value."""
        type_code, nth, type_ = unknown_field(name, self.definitions)
        write: Writer
        if type_ in _COUNTED:
            write = write_blob
        elif type_ in _ENDS:
            write = _raw_until(_ENDS[type_])
        else:
            write = _upper(write_hex)
        return type_code << 16 | nth, _header(type_code, nth), write

    def _object(self, value: Mapping[str, Any]) -> bytes:
        return self._fields(value) + _OBJECT_END

    def _array(self, value: list[Mapping[str, Any]]) -> bytes:
        parts: list[bytes] = []
        for at, element in enumerate(value, start=1):
            if len(element) != 1 or not self._is_object(*element):
                raise ValueError(f"element {at} is not one object under its name")
            try:
                parts.append(self._fields(element))
            except _Ended as ended:
                if at != len(value):
                    raise CodecError(
                        f"element {at} was not read to its end, and is not the last"
                    ) from None
                raise _Ended(b"".join((*parts, ended.data))) from None
        return b"".join(parts) + _ARRAY_END

    def _is_an_object(self, name: str) -> bool:
        field = self.definitions.fields.get(name)
        type_ = field.type if field else unknown_field(name, self.definitions)[2]
        return type_ == "STObject"

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
            "Int32": write_int32,
            "Int64": write_int64,
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


# After every field.
_LAST = 1 << 32

_ENDS = {"STObject": _OBJECT_END, "STArray": _ARRAY_END}


def _upper(write: Writer) -> Writer:
    def write_upper(value: str) -> bytes:
        if value != value.upper():
            raise ValueError("hex is in upper case")
        return write(value)

    return write_upper


def _raw_until(end: bytes) -> Writer:
    return _upper(lambda value: write_hex(value) + end)


def _rest(value: str) -> bytes:
    raise _Ended(_upper(write_hex)(value))


def _header(high: int, low: int) -> bytes:
    """The code of a field, its type and its number, in one to three bytes.

    Source: https://xrpl.org/docs/references/protocol/binary-format#field-ids
    """
    if high < 16 and low < 16:
        return bytes((high << 4 | low,))
    if high < 16:
        return bytes((high << 4, low))
    if low < 16:
        return bytes((low, high))
    return bytes((0, high, low))

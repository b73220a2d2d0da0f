"""From the bytes of transactions, metadata and ledger objects to JSON values.

Decoding is validation: names, types and lengths come from the definitions. What they do not know is
kept as hex and counted in `Decoder.drift`; nothing is dropped.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from . import _compiled_codec
from ._currency import AssetCache
from ._numbers import POSITIVE, IssuedValueCache, mpt_value, xrp_drops
from .address import AddressCache
from .definitions import Definitions
from .errors import CodecError
from .field_table import UNRECOGNIZED, FieldTable, Kind
from .length import read_length
from .node_filter import NodeFilter

__all__ = ["UNRECOGNIZED", "Decoder", "Shape", "ends_early", "transaction_index"]

Shape = Literal["server", "record"]

_SPAN_BYTES = 16  # four numbers of 32 bits
_MAX_DEPTH = 10  # as rippled, in STObject.cpp
_OBJECT_END = b"\xe1"
_TRANSACTION_INDEX = b"\x20\x1c"
_uint32 = struct.Struct(">I").unpack_from
_uint64 = struct.Struct(">Q").unpack_from

# Plain integers: comparing with members of an enum costs a lookup for each field.
_K_UINT32 = int(Kind.UINT32)
_K_HEX = int(Kind.HEX)
_K_AMOUNT = int(Kind.AMOUNT)
_K_OBJECT = int(Kind.OBJECT)
_K_OBJECT_END = int(Kind.OBJECT_END)
_K_NAME16 = int(Kind.NAME16)
_K_ACCOUNT = int(Kind.ACCOUNT)
_K_BLOB = int(Kind.BLOB)
_K_UINT64 = int(Kind.UINT64)
_K_ARRAY = int(Kind.ARRAY)
_K_READER = int(Kind.READER)
_K_UINT8 = int(Kind.UINT8)
_K_UINT16 = int(Kind.UINT16)
_K_UNKNOWN_TYPE = int(Kind.UNKNOWN_TYPE)
_K_RAW_OBJECT = int(Kind.RAW_OBJECT)
_K_RAW_ARRAY = int(Kind.RAW_ARRAY)
_K_ARRAY_END = int(Kind.ARRAY_END)
_K_EXTENDED = int(Kind.EXTENDED)


class _UnknownType(Exception):
    """Nothing after this position can be read; `value` is what was read before it."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Decoder:
    """Decodes blobs to JSON values: what rippled prints, or the shape that sinks get.

    Args:
        definitions: what the fields are; those of the installed xrpl-py without it.
        shape: `"server"`: as rippled prints it (api_version 2), without the fields that a server
            makes up (`date`, `DeliverMax`, `delivered_amount`, `nftoken_id`, `ctid`, ...).
            `"record"`: the same, but every amount is `{"currency", "issuer", "value"}` (XRP:
            currency `XRP`, issuer empty, value in drops; MPT: both empty, `mpt_issuance_id`
            beside them), and a payment path is `{"steps": [...]}`.

    A decoder keeps a bounded number of addresses and values that it has met. It may be used for any
    number of blobs, from one thread at a time.
    """

    def __init__(self, definitions: Definitions | None = None, *, shape: Shape = "server") -> None:
        self.definitions = Definitions.bundled() if definitions is None else definitions
        self.shape: Shape = shape
        self.drift: Counter[str] = Counter()
        """How often something was met that the definitions do not know, by what it was."""
        self._addresses = AddressCache()
        self._assets = AssetCache(self._addresses)
        self._values = IssuedValueCache()
        self._table = FieldTable(
            self.definitions,
            addresses=self._addresses,
            wrap_paths=shape == "record",
            drift=self.drift,
        )
        self._entries = [(int(kind), name, extra) for kind, name, extra in self._table.short]
        self._record = shape == "record"
        self._choices: dict[NodeFilter, Any] = {}
        self._codes = (
            None
            if _compiled_codec.compiled is None
            else _compiled_codec.field_codes(self.definitions)
        )
        self._compiled = (
            None
            if _compiled_codec.compiled is None
            else _compiled_codec.compiled.ObjectReader(self._codes, self._addresses, self._record)
        )

    def transaction(self, blob: bytes) -> dict[str, Any]:
        """The fields of a transaction."""
        return self._decode(blob, "transaction")

    def metadata(self, blob: bytes, nodes: NodeFilter | None = None) -> dict[str, Any]:
        """The fields of a transaction's metadata.

        Args:
            blob: the bytes.
            nodes: which of the affected nodes are shown; all without it. Where part of the metadata
                could not be read, all are.
        """
        if nodes is None:
            return self._decode(blob, "metadata")
        if self._compiled is not None:
            read: dict[str, Any] | None = self._compiled.read(blob, self._choice(nodes))
            if read is not None:
                return read
        fields = self._decode(blob, "metadata")
        return fields if ends_early(fields) else nodes.shown(fields)

    def shown(
        self, data: bytes, spans: bytes, nodes: NodeFilter
    ) -> Sequence[tuple[int, dict[str, Any] | None]]:
        """The transactions of a ledger whose metadata may show any of these nodes: place, metadata.

        Args:
            data, spans: as in `TransactionBlobs`.
            nodes: which of the affected nodes are shown.

        Returns:
            None in place of metadata that the compiled decoder has not read.
        """
        if self._compiled is None:
            return [(place, None) for place in range(len(spans) // _SPAN_BYTES)]
        found: list[tuple[int, dict[str, Any] | None]] = self._compiled.read_shown(
            data, spans, self._choice(nodes)
        )
        return found

    def _choice(self, nodes: NodeFilter) -> Any:
        choice = self._choices.get(nodes)
        if choice is None:
            entries = nodes.by_code(self.definitions)
            choice = _compiled_codec.compiled.NodeChoice(self._codes, entries)
            self._choices[nodes] = choice
        return choice

    def is_ordinary(self, blob: bytes) -> bool:
        """Whether the compiled decoder reads all of a blob; without one nobody knows beforehand."""
        return self._compiled is not None and self._compiled.is_ordinary(blob)

    def ledger_object(self, blob: bytes) -> dict[str, Any]:
        """The fields of a ledger object; its index is not among its bytes."""
        return self._decode(blob, "ledger object")

    def _decode(self, blob: bytes, what: str) -> dict[str, Any]:
        # A memoryview or a bytearray too: slices are keys of the caches, and must be hashable.
        blob = bytes(blob)
        if self._compiled is not None:
            read: dict[str, Any] | None = self._compiled.read(blob)
            # None: something is out of the ordinary. What follows finds out what, and counts it.
            if read is not None:
                return read
        # With its own end marker, the outermost object ends like every other.
        data = blob + _OBJECT_END
        try:
            fields, position = self._object(data, data.hex().upper(), 0, 0)
        except _UnknownType as stopped:
            return stopped.value  # type: ignore[no-any-return]
        except CodecError as error:
            raise CodecError(f"{what} of {len(blob)} bytes: {error}") from error.__cause__
        if position != len(data):
            left = len(data) - position
            raise CodecError(f"{what} of {len(blob)} bytes: it ends {left} bytes too early")
        return fields

    # One loop with a branch for each kind of field, over 50 lines on purpose. Calling a function
    # for a field costs as much as reading it, and a ledger has thousands of fields.
    # The branches stand in the order of how often ledgers need them; `Kind` has the same order.
    def _object(
        self, data: bytes, digits: str, position: int, depth: int
    ) -> tuple[dict[str, Any], int]:
        """The fields up to the end marker, and the position after it."""
        if depth > _MAX_DEPTH:
            raise CodecError(f"at byte {position}: objects are nested more than {_MAX_DEPTH} deep")
        entries = self._entries
        fields: dict[str, Any] = {}
        name = "the beginning"
        start = position
        try:
            while True:
                start = position
                kind, name, extra = entries[data[position]]
                if kind == _K_EXTENDED:
                    (kind, name, extra), position = self._table.extended(data, position)
                else:
                    position += 1
                if kind == _K_UINT32:
                    fields[name] = _uint32(data, position)[0]
                    position += 4
                elif kind == _K_HEX:
                    # Two hex digits a byte. All bytes become hex once, and fields are slices of
                    # that.
                    at = position + position
                    fields[name] = digits[at : at + extra]
                    position += extra >> 1
                elif kind == _K_AMOUNT:
                    first = data[position]
                    if first & 0x80:  # not XRP: value, currency and issuer
                        currency, issuer = self._assets[data[position + 8 : position + 48]]
                        value = self._values[data[position : position + 8]]
                        fields[name] = {"currency": currency, "issuer": issuer, "value": value}
                        position += 48
                    elif first & 0x20:
                        fields[name] = self._mpt_amount(data, digits, position)
                        position += 33
                    else:
                        word = _uint64(data, position)[0]
                        value = str(word ^ POSITIVE) if word & POSITIVE else xrp_drops(word)
                        fields[name] = (
                            {"currency": "XRP", "issuer": "", "value": value}
                            if self._record
                            else value
                        )
                        position += 8
                elif kind == _K_OBJECT:
                    fields[name], position = self._object(data, digits, position, depth + 1)
                elif kind == _K_OBJECT_END:
                    return fields, position
                elif kind == _K_NAME16:
                    fields[name] = extra[data[position] << 8 | data[position + 1]]
                    position += 2
                elif kind == _K_ACCOUNT:
                    if data[position] == 20:
                        fields[name] = self._addresses[data[position + 1 : position + 21]]
                        position += 21
                    else:
                        fields[name], position = extra(data, position, len(data) - 1)
                elif kind == _K_BLOB:
                    size = data[position]
                    if size <= 192:  # the length is one byte, as of nearly all blobs
                        position += 1
                    else:
                        size, position = read_length(data, position)
                    at = position + position
                    fields[name] = digits[at : at + size + size]
                    position += size
                elif kind == _K_UINT64:
                    fields[name] = f"{_uint64(data, position)[0]:x}"
                    position += 8
                elif kind == _K_ARRAY:
                    fields[name], position = self._array(data, digits, position, depth + 1)
                elif kind == _K_READER:
                    fields[name], position = extra(data, position, len(data) - 1)
                elif kind == _K_UINT8:
                    fields[name] = data[position]
                    position += 1
                elif kind == _K_UINT16:
                    fields[name] = data[position] << 8 | data[position + 1]
                    position += 2
                elif kind == _K_UNKNOWN_TYPE:
                    # Nobody knows where this field ends, so that no object around it can go on.
                    self.drift[name] += 1
                    name = UNRECOGNIZED
                    raise _UnknownType(digits[start * 2 : -2])
                else:
                    fields[name], position = self._unknown(
                        kind, name, data, digits, position, depth
                    )
        except _UnknownType as stopped:
            fields[name] = stopped.value
            raise _UnknownType(fields) from None
        except (IndexError, ValueError, struct.error) as error:
            raise _located(error, name, start, position, len(data) - 1) from error

    def _array(self, data: bytes, digits: str, position: int, depth: int) -> tuple[list[Any], int]:
        """The elements up to the end marker, each an object under its name, and what is after."""
        entries = self._entries
        elements: list[Any] = []
        element: Any
        name = "the first element"
        start = position
        try:
            while True:
                start = position
                kind, name, _ = entries[data[position]]
                if kind == _K_EXTENDED:
                    (kind, name, _), position = self._table.extended(data, position)
                else:
                    position += 1
                if kind == _K_OBJECT:
                    element, position = self._object(data, digits, position, depth + 1)
                elif kind == _K_ARRAY_END:
                    return elements, position
                elif kind == _K_RAW_OBJECT:
                    element, position = self._unknown(kind, name, data, digits, position, depth)
                else:
                    raise ValueError("an array holds objects only")
                elements.append({name: element})
        except _UnknownType as stopped:
            elements.append({name: stopped.value})
            raise _UnknownType(elements) from None
        except (IndexError, ValueError, struct.error) as error:
            raise _located(error, name, start, position, len(data) - 1) from error

    def _unknown(
        self, kind: int, name: str, data: bytes, digits: str, position: int, depth: int
    ) -> tuple[str, int]:
        """An object or array that the definitions do not name, as hex without its end marker."""
        if kind == _K_RAW_OBJECT:
            _, after = self._object(data, digits, position, depth + 1)
        elif kind == _K_RAW_ARRAY:
            _, after = self._array(data, digits, position, depth + 1)
        else:
            raise ValueError("an array ends where none began")
        self.drift[name] += 1
        return digits[position * 2 : after * 2 - 2], after

    def _mpt_amount(self, data: bytes, digits: str, position: int) -> dict[str, str]:
        """An amount of a multi-purpose token: a sign, a magnitude, the id of the issuance."""
        value = mpt_value(data[position], _uint64(data, position + 1)[0])
        issuance = digits[position * 2 + 18 : position * 2 + 66]
        if self._record:
            return {"currency": "", "issuer": "", "value": value, "mpt_issuance_id": issuance}
        return {"mpt_issuance_id": issuance, "value": value}


def _located(error: Exception, name: str, start: int, position: int, end: int) -> CodecError:
    """What is wrong and where: `start` is where a field began, `name` the last one known."""
    # The end marker that was added is read as if it were data: then the bytes were too few.
    if start > end:
        return CodecError(f"the bytes end too early, inside {name}")
    reason = str(error) if isinstance(error, ValueError) else "the bytes end too early"
    where = f"at byte {start}, after {name}" if start == position else f"{name} at byte {start}"
    return CodecError(f"{where}: {reason}")


def ends_early(fields: Any) -> bool:
    """Whether a field of an unknown type kept the decoder from reading these fields to their end.

    The rest is then under `_unrecognized`, in the last object that was begun.
    """
    value = fields
    while value:
        if isinstance(value, dict):
            if UNRECOGNIZED in value:
                return True
            # Decoding stops there, so it can only be the last member of the last member.
            value = next(reversed(value.values()))
        elif isinstance(value, list):
            value = value[-1]
        else:
            return False
    return False


def transaction_index(meta_blob: bytes) -> int:
    """The place of the transaction in its ledger, without decoding the whole metadata."""
    # Its code is the lowest of all fields of metadata, so it comes first.
    if meta_blob[:2] != _TRANSACTION_INDEX or len(meta_blob) < 6:
        raise CodecError("metadata does not begin with its TransactionIndex")
    return int.from_bytes(meta_blob[2:6])

"""Readers of the less common field types: from the bytes at a position to a value.

Each takes the blob, the position and the end of the blob, and returns the value and the position
after it. Bytes that cannot be a value of that type raise `ValueError`; the caller says where.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from ._currency import currency_text
from ._numbers import number_text
from .address import AddressCache
from .length import read_length

__all__ = [
    "Reader",
    "account_reader",
    "bridge_reader",
    "fixed_hex_reader",
    "issue_reader",
    "named_reader",
    "path_set_reader",
    "read_amount_as_hex",
    "read_blob",
    "read_currency",
    "read_int32",
    "read_int64",
    "read_number",
    "read_uint8",
    "read_uint64_base10",
    "read_vector256",
    "span_reader",
    "take",
]

Reader = Callable[[bytes, int, int], tuple[Any, int]]

_NUMBER = struct.Struct(">qi")
_XRP = bytes(20)
_NO_ACCOUNT = bytes(19) + b"\x01"


def take(data: bytes, position: int, end: int, size: int) -> bytes:
    """`size` bytes from `position`, all of them or `ValueError`."""
    if position + size > end:
        raise ValueError(f"{size} bytes are needed, {max(0, end - position)} are left")
    return data[position : position + size]


def read_blob(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Bytes behind a length prefix, as upper-case hex."""
    size, position = read_length(data, position)
    return take(data, position, end, size).hex().upper(), position + size


def fixed_hex_reader(size: int) -> Reader:
    """A reader of `size` bytes that are printed as upper-case hex."""

    def read(data: bytes, position: int, end: int) -> tuple[str, int]:
        return take(data, position, end, size).hex().upper(), position + size

    return read


def read_uint8(data: bytes, position: int, end: int) -> tuple[int, int]:
    """A byte."""
    return take(data, position, end, 1)[0], position + 1


def read_int32(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Four bytes with a sign."""
    return int.from_bytes(take(data, position, end, 4), signed=True), position + 4


def read_int64(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Eight bytes with a sign, in decimal: JSON numbers are too small."""
    value = int.from_bytes(take(data, position, end, 8), signed=True)
    return str(value), position + 8


def read_uint64_base10(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Eight bytes, in decimal, as servers print the amounts of MPTs."""
    return str(int.from_bytes(take(data, position, end, 8))), position + 8


def read_number(data: bytes, position: int, end: int) -> tuple[str, int]:
    """A `Number`: eight bytes of mantissa, four of exponent."""
    return number_text(*_NUMBER.unpack(take(data, position, end, 12))), position + 12


def read_currency(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Twenty bytes of a currency, as its code or in hex."""
    return currency_text(take(data, position, end, 20)), position + 20


def read_vector256(data: bytes, position: int, end: int) -> tuple[list[str], int]:
    """A list of hashes behind a length prefix."""
    size, position = read_length(data, position)
    if size % 32:
        raise ValueError(f"a list of hashes has a multiple of 32 bytes, not {size}")
    digits = take(data, position, end, size).hex().upper()
    return [digits[at : at + 64] for at in range(0, len(digits), 64)], position + size


def read_amount_as_hex(data: bytes, position: int, end: int) -> tuple[str, int]:
    """The bytes of an amount: 48 for an issued one, 33 for an MPT, 8 for XRP."""
    first = data[position]
    size = 48 if first & 0x80 else 33 if first & 0x20 else 8
    return take(data, position, end, size).hex().upper(), position + size


def named_reader(size: int, names: Mapping[int, str | int]) -> Reader:
    """A reader of numbers that stand for names."""

    def read(data: bytes, position: int, end: int) -> tuple[str | int, int]:
        return names[int.from_bytes(take(data, position, end, size))], position + size

    return read


def span_reader(inner: Reader) -> Reader:
    """A reader that keeps as hex what `inner` would read."""

    def read(data: bytes, position: int, end: int) -> tuple[str, int]:
        _, after = inner(data, position, end)
        return data[position:after].hex().upper(), after

    return read


def account_reader(addresses: AddressCache) -> Reader:
    """A reader of accounts; rippled leaves the account of some pseudo-transactions empty."""

    def read(data: bytes, position: int, end: int) -> tuple[str, int]:
        size, position = read_length(data, position)
        if not size:
            return "", position
        if size != 20:
            raise ValueError(f"an account has 20 bytes, not {size}")
        return addresses[take(data, position, end, 20)], position + 20

    return read


def issue_reader(addresses: AddressCache) -> Reader:
    """A reader of assets without an amount: XRP, an issued currency, or an MPT.

    An MPT is its issuer, a mark where the issuer of a currency would be, and its sequence:
    in little-endian order after the mark 1, in big-endian order after the mark 0.

    Source: `STIssue::STIssue` in rippled's `STIssue.cpp`.
    """

    def read(data: bytes, position: int, end: int) -> tuple[dict[str, str], int]:
        asset = take(data, position, end, 20)
        position += 20
        if asset == _XRP:  # without an issuer: nothing follows
            return {"currency": "XRP"}, position
        issuer = take(data, position, end, 20)
        position += 20
        if issuer not in (_NO_ACCOUNT, _XRP):
            return {"currency": currency_text(asset), "issuer": addresses[issuer]}, position
        sequence = take(data, position, end, 4)
        if issuer == _NO_ACCOUNT:
            sequence = sequence[::-1]
        return {"mpt_issuance_id": (sequence + asset).hex().upper()}, position + 4

    return read


def bridge_reader(account: Reader, issue: Reader) -> Reader:
    """A reader of cross-chain bridges: a door and an asset on each chain."""

    def read(data: bytes, position: int, end: int) -> tuple[dict[str, Any], int]:
        bridge: dict[str, Any] = {}
        for chain in ("LockingChain", "IssuingChain"):
            bridge[f"{chain}Door"], position = account(data, position, end)
            bridge[f"{chain}Issue"], position = issue(data, position, end)
        return bridge, position

    return read


_PATH_END, _PATH_BOUNDARY = 0x00, 0xFF
_STEP_ACCOUNT, _STEP_CURRENCY, _STEP_ISSUER, _STEP_MPT = 0x01, 0x10, 0x20, 0x40
_STEP_ALL = _STEP_ACCOUNT | _STEP_CURRENCY | _STEP_ISSUER | _STEP_MPT


def path_set_reader(addresses: AddressCache, *, wrap: bool) -> Reader:
    """A reader of payment paths: lists of steps.

    Args:
        wrap: give each path as `{"steps": [...]}`, so that no list holds a list.

    Source: `STPathSet::STPathSet` in rippled's `STPathSet.cpp`.
    """

    # The parts come in this order, whatever the order of their bits.
    def step(data: bytes, position: int, end: int, kind: int) -> tuple[dict[str, Any], int]:
        parts: dict[str, Any] = {}
        if kind & _STEP_ACCOUNT:
            parts["account"] = addresses[take(data, position, end, 20)]
            position += 20
        if kind & _STEP_CURRENCY:
            parts["currency"] = currency_text(take(data, position, end, 20))
            position += 20
        if kind & _STEP_MPT:
            parts["mpt_issuance_id"] = take(data, position, end, 24).hex().upper()
            position += 24
        if kind & _STEP_ISSUER:
            parts["issuer"] = addresses[take(data, position, end, 20)]
            position += 20
        parts["type"] = kind
        return parts, position

    def read(data: bytes, position: int, end: int) -> tuple[list[Any], int]:
        paths: list[Any] = []
        steps: list[dict[str, Any]] = []
        while True:
            kind = take(data, position, end, 1)[0]
            position += 1
            # Kinds of steps are sets of bits, of which neither of these two is one.
            if kind in (_PATH_END, _PATH_BOUNDARY):
                if not steps:
                    raise ValueError("a path without steps")
                paths.append({"steps": steps} if wrap else steps)
                steps = []
                if kind == _PATH_END:
                    return paths, position
            elif kind & ~_STEP_ALL:
                raise ValueError(f"a path step of the unknown kind 0x{kind:02X}")
            else:
                found, position = step(data, position, end, kind)
                steps.append(found)

    return read

"""Writers of the field types: from a value to its bytes, the inverse of the readers.

A value that cannot be one of that type raises `ValueError`, `TypeError`, `KeyError` or
`OverflowError`; the caller says of which field.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .address import decode_address
from .amounts import issued_word, xrp_word
from .currency import currency_code
from .number import number_parts

__all__ = [
    "AccountCache",
    "Writer",
    "account_writer",
    "amount_writer",
    "bridge_writer",
    "fixed_hex_writer",
    "int_writer",
    "issue_writer",
    "length_prefix",
    "named_writer",
    "path_set_writer",
    "uint_writer",
    "write_blob",
    "write_currency",
    "write_number",
    "write_uint64",
    "write_uint64_base10",
    "write_vector256",
]

Writer = Callable[[Any], bytes]

_NUMBER = struct.Struct(">qi")
_NO_ACCOUNT = bytes(19) + b"\x01"
_MPT, _MPT_POSITIVE = 0x20, 0x40


class AccountCache(dict[str, bytes]):
    """Accounts by address, decoded when first asked for; it forgets all when it is full."""

    def __init__(self, limit: int = 65_536) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, address: str) -> bytes:
        account = decode_address(address)
        if len(self) >= self._limit:
            self.clear()
        self[address] = account
        return account


def length_prefix(size: int) -> bytes:
    """What stands before so many bytes.

    Source: https://xrpl.org/docs/references/protocol/binary-format#length-prefixing
    """
    if size <= 192:
        return size.to_bytes(1)
    if size <= 12480:
        return (0xC100 + size - 193).to_bytes(2)
    if size <= 918744:
        return (0xF10000 + size - 12481).to_bytes(3)
    raise ValueError(f"{size} bytes are more than a length can say")


def write_blob(value: str) -> bytes:
    """Bytes behind a length prefix, from hex."""
    data = bytes.fromhex(value)
    return length_prefix(len(data)) + data


def write_vector256(value: Iterable[str]) -> bytes:
    """A list of hashes behind a length prefix."""
    hashes = [fixed_hex_writer(32)(each) for each in value]
    return length_prefix(32 * len(hashes)) + b"".join(hashes)


def fixed_hex_writer(size: int) -> Writer:
    """A writer of `size` bytes that come as hex."""

    def write(value: str) -> bytes:
        data = bytes.fromhex(value)
        if len(data) != size:
            raise ValueError(f"{size} bytes are needed, not {len(data)}")
        return data

    return write


def uint_writer(size: int) -> Writer:
    """A writer of numbers of `size` bytes without a sign."""
    return lambda value: value.to_bytes(size)


def int_writer(size: int) -> Writer:
    """A writer of numbers with a sign; those of eight bytes come as text."""
    return lambda value: int(value).to_bytes(size, signed=True)


def write_uint64(value: str) -> bytes:
    """Eight bytes, from hex as servers print them."""
    return int(value, 16).to_bytes(8)


def write_uint64_base10(value: str) -> bytes:
    """Eight bytes, from the decimal text of MPT amounts."""
    return int(value).to_bytes(8)


def named_writer(size: int, codes: Mapping[str, int]) -> Writer:
    """A writer of numbers that stand for names; a number without a name is itself."""

    def write(value: str | int) -> bytes:
        code = codes.get(value) if isinstance(value, str) else None
        return (int(value) if code is None else code).to_bytes(size)

    return write


def write_number(value: str) -> bytes:
    """A `Number`: eight bytes of mantissa, four of exponent."""
    return _NUMBER.pack(*number_parts(value))


def write_currency(value: str) -> bytes:
    """Twenty bytes, from three characters or 40 hex digits."""
    return currency_code(value)


def account_writer(accounts: AccountCache) -> Writer:
    """A writer of accounts; rippled leaves the account of some pseudo-transactions empty."""
    return lambda value: b"\x14" + accounts[value] if value else b"\x00"


def amount_writer(accounts: AccountCache) -> Writer:
    """A writer of amounts, in the shape of records or as a server prints them."""

    def write(value: str | Mapping[str, str]) -> bytes:
        if isinstance(value, str):
            return xrp_word(value).to_bytes(8)
        text = value["value"]
        if "mpt_issuance_id" in value:
            lead = _MPT if text.startswith("-") else _MPT | _MPT_POSITIVE
            magnitude = int(text.removeprefix("-")).to_bytes(8)
            return bytes((lead,)) + magnitude + fixed_hex_writer(24)(value["mpt_issuance_id"])
        if value["currency"] == "XRP" and not value["issuer"]:
            return xrp_word(text).to_bytes(8)
        asset = currency_code(value["currency"]) + accounts[value["issuer"]]
        return issued_word(text).to_bytes(8) + asset

    return write


def issue_writer(accounts: AccountCache) -> Writer:
    """A writer of assets without an amount; see `issue_reader`."""

    def write(value: Mapping[str, str]) -> bytes:
        if "mpt_issuance_id" in value:
            issuance = fixed_hex_writer(24)(value["mpt_issuance_id"])
            return issuance[4:] + _NO_ACCOUNT + issuance[3::-1]
        code = currency_code(value["currency"])
        return code + accounts[value["issuer"]] if value.get("issuer") else code

    return write


def bridge_writer(account: Writer, issue: Writer) -> Writer:
    """A writer of cross-chain bridges: a door and an asset on each chain."""

    def write(value: Mapping[str, Any]) -> bytes:
        return b"".join(
            account(value[f"{chain}Door"]) + issue(value[f"{chain}Issue"])
            for chain in ("LockingChain", "IssuingChain")
        )

    return write


def path_set_writer(accounts: AccountCache) -> Writer:
    """A writer of payment paths, in the shape of records or as a server prints them."""
    parts: tuple[tuple[int, str, Writer], ...] = (
        (0x01, "account", accounts.__getitem__),
        (0x10, "currency", currency_code),
        (0x40, "mpt_issuance_id", fixed_hex_writer(24)),
        (0x20, "issuer", accounts.__getitem__),
    )

    def step(value: Mapping[str, Any]) -> bytes:
        present = [part for part in parts if part[1] in value]
        kind = sum(bit for bit, _, _ in present)
        return bytes((kind,)) + b"".join(write(value[name]) for _, name, write in present)

    def write(value: Iterable[Any]) -> bytes:
        paths = (path["steps"] if isinstance(path, Mapping) else path for path in value)
        return b"\xff".join(b"".join(map(step, steps)) for steps in paths) + b"\x00"

    return write

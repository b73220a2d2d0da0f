"""Writers of the field types: from a value to its bytes, the inverse of the readers.

What is not canonical is refused, so that two different values never give the same bytes: spaces and
underscores that `int()` and `bytes.fromhex()` would skip, members that an object does not have, a
number that could be written shorter. A value that is refused raises `ValueError`, `TypeError`,
`KeyError` or `OverflowError`; the caller says of which field.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ._currency import currency_code, currency_text
from ._numbers import issued_value, issued_word, number_parts, xrp_word
from .address import decode_address
from .length import encode_length

__all__ = [
    "AccountCache",
    "Writer",
    "account_writer",
    "amount_writer",
    "bridge_writer",
    "fixed_hex_writer",
    "issue_writer",
    "named_writer",
    "path_set_writer",
    "uint_writer",
    "write_blob",
    "write_currency",
    "write_hex",
    "write_int32",
    "write_int64",
    "write_number",
    "write_uint64",
    "write_uint64_base10",
    "write_vector256",
]

Writer = Callable[[Any], bytes]

_NUMBER = struct.Struct(">qi")
_NO_ACCOUNT = bytes(19) + b"\x01"
_MPT, _MPT_POSITIVE = 0x20, 0x40
# rippled's `maxMPTokenAmount` is one less.
_MPT_LIMIT = 1 << 63

_ISSUED_MEMBERS = frozenset({"currency", "issuer", "value"})
_MPT_MEMBERS = (
    frozenset({"mpt_issuance_id", "value"}),  # as a server prints it
    frozenset({"mpt_issuance_id", "value", "currency", "issuer"}),  # in a record, both empty
)
_whole = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
# rippled prints 64-bit integers without leading zeros and in lower case.
_short_hex = re.compile(r"0|[1-9a-f][0-9a-f]{0,15}").fullmatch
_full_hex = re.compile(r"[0-9A-Fa-f]{16}").fullmatch


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


def _hex(value: str) -> bytes:
    """Bytes from hex digits, without the spaces that `bytes.fromhex` skips."""
    data = bytes.fromhex(value)
    # The lengths differ where spaces were skipped; looking for them would cost more.
    if 2 * len(data) != len(value):
        raise ValueError("it has something else than hex digits")
    return data


def _integer(value: str) -> int:
    """A whole number as it is printed, without the underscores and spaces that `int` skips."""
    if not _whole(value):
        raise ValueError("it is not a whole number")
    return int(value)


def _has(value: Mapping[str, Any], members: Collection[frozenset[str]]) -> None:
    if value.keys() not in members:
        raise ValueError(f"it has other members: {', '.join(map(str, value))}")


def write_blob(value: str) -> bytes:
    """Bytes behind a length prefix, from hex."""
    data = _hex(value)
    return encode_length(len(data)) + data


def write_hex(value: str) -> bytes:
    """Bytes as they are, from hex."""
    return _hex(value)


def write_vector256(value: list[str]) -> bytes:
    """A list of hashes behind a length prefix."""
    if type(value) is not list:
        raise TypeError("it is not a list")
    write = fixed_hex_writer(32)
    hashes = [write(each) for each in value]
    return encode_length(32 * len(hashes)) + b"".join(hashes)


def fixed_hex_writer(size: int) -> Writer:
    """A writer of `size` bytes that come as hex."""

    def write(value: str) -> bytes:
        data = _hex(value)
        if len(data) != size:
            raise ValueError(f"{size} bytes are needed, not {len(data)}")
        return data

    return write


def uint_writer(size: int) -> Writer:
    """A writer of numbers of `size` bytes without a sign."""

    def write(value: int) -> bytes:
        if type(value) is not int:  # True is an int too
            raise TypeError("it is not a whole number")
        return value.to_bytes(size)

    return write


def write_int32(value: int) -> bytes:
    """Four bytes with a sign."""
    if type(value) is not int:
        raise TypeError("it is not a whole number")
    return value.to_bytes(4, signed=True)


def write_int64(value: str) -> bytes:
    """Eight bytes with a sign, from decimal text."""
    return _integer(value).to_bytes(8, signed=True)


def write_uint64(value: str) -> bytes:
    """Eight bytes from hex; older servers print it with all its zeros, and in upper case."""
    if not _short_hex(value) and not _full_hex(value):
        raise ValueError("it is not a 64-bit number in hex")
    return int(value, 16).to_bytes(8)


def write_uint64_base10(value: str) -> bytes:
    """Eight bytes, from the decimal text of MPT amounts."""
    return _integer(value).to_bytes(8)


def named_writer(size: int, codes: Mapping[str, int]) -> Writer:
    """A writer of numbers that stand for names; a number without a name is itself."""

    def write(value: str | int) -> bytes:
        if type(value) is int:
            return value.to_bytes(size)
        code = codes.get(value) if isinstance(value, str) else None
        if code is None:
            raise ValueError("the definitions know no such name")
        return code.to_bytes(size)

    return write


def write_number(value: str) -> bytes:
    """A `Number`: eight bytes of mantissa, four of exponent.

    Versions of rippled print the same number in different ways, so each decimal form is taken.
    """
    return _NUMBER.pack(*number_parts(value))


def write_currency(value: str) -> bytes:
    """Twenty bytes, from three characters, or from 40 hex digits where it has no such code."""
    code = currency_code(value)
    if currency_text(code) != value:
        raise ValueError(f"the currency {value} is written {currency_text(code)}")
    return code


def account_writer(accounts: AccountCache) -> Writer:
    """A writer of accounts; rippled leaves the account of some pseudo-transactions empty."""
    return lambda value: b"\x00" if value == "" else b"\x14" + accounts[value]


class _WordCache(dict[str, bytes]):
    """The eight bytes of issued values, by their text: the same one stands in many fields."""

    def __init__(self, limit: int = 65_536) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, text: str) -> bytes:
        word = issued_word(text)
        # `1.0` and `1e0` give the same bytes as `1`: only what the decoder prints is taken.
        if issued_value(word) != text:
            raise ValueError(f"the value {text} is written {issued_value(word)}")
        if len(self) >= self._limit:
            self.clear()
        self[text] = made = word.to_bytes(8)
        return made


class _AssetCache(dict[tuple[str, str], bytes]):
    """The 40 bytes of currency and issuer."""

    def __init__(self, accounts: AccountCache, limit: int = 65_536) -> None:
        super().__init__()
        self._accounts = accounts
        self._limit = limit

    def __missing__(self, asset: tuple[str, str]) -> bytes:
        made = write_currency(asset[0]) + self._accounts[asset[1]]
        if len(self) >= self._limit:
            self.clear()
        self[asset] = made
        return made


def amount_writer(accounts: AccountCache) -> Writer:
    """A writer of amounts, in the shape of records or as a server prints them."""
    words, assets = _WordCache(), _AssetCache(accounts)

    def write(value: str | Mapping[str, str]) -> bytes:
        if isinstance(value, str):
            return xrp_word(value).to_bytes(8)
        if "mpt_issuance_id" in value:
            return _mpt_amount(value)
        text, currency, issuer = value["value"], value["currency"], value["issuer"]
        if len(value) != 3:
            _has(value, (_ISSUED_MEMBERS,))
        if currency == "XRP" and issuer == "":
            return xrp_word(text).to_bytes(8)
        return words[text] + assets[currency, issuer]

    return write


def _mpt_amount(value: Mapping[str, str]) -> bytes:
    _has(value, _MPT_MEMBERS)
    if value.get("currency", "") != "" or value.get("issuer", "") != "":
        raise ValueError("an amount of an MPT has neither currency nor issuer")
    units = _integer(value["value"])
    if abs(units) >= _MPT_LIMIT or value["value"] == "-0":
        raise ValueError(f"{value['value']} units do not fit")
    # Zero has the bit of what is not negative, as rippled writes it.
    lead = _MPT if units < 0 else _MPT | _MPT_POSITIVE
    issuance = fixed_hex_writer(24)(value["mpt_issuance_id"])
    return bytes((lead,)) + abs(units).to_bytes(8) + issuance


_ASSETS = (
    frozenset({"currency"}),
    frozenset({"currency", "issuer"}),
    frozenset({"mpt_issuance_id"}),
)


def issue_writer(accounts: AccountCache) -> Writer:
    """A writer of assets without an amount; see `issue_reader`."""

    def write(value: Mapping[str, str]) -> bytes:
        _has(value, _ASSETS)
        if "mpt_issuance_id" in value:
            issuance = fixed_hex_writer(24)(value["mpt_issuance_id"])
            # The sequence, which is the first four bytes of the id, comes last and reversed.
            return issuance[4:] + _NO_ACCOUNT + issuance[3::-1]
        code = write_currency(value["currency"])
        if ("issuer" in value) == (value["currency"] == "XRP"):
            raise ValueError("XRP has no issuer, and every other currency has one")
        return code + accounts[value["issuer"]] if "issuer" in value else code

    return write


_CHAINS = ("LockingChain", "IssuingChain")
_BRIDGE = frozenset(f"{chain}{part}" for chain in _CHAINS for part in ("Door", "Issue"))


def bridge_writer(account: Writer, issue: Writer) -> Writer:
    """A writer of cross-chain bridges: a door and an asset on each chain."""

    def write(value: Mapping[str, Any]) -> bytes:
        _has(value, (_BRIDGE,))
        return b"".join(
            account(value[f"{chain}Door"]) + issue(value[f"{chain}Issue"]) for chain in _CHAINS
        )

    return write


def path_set_writer(accounts: AccountCache) -> Writer:
    """A writer of payment paths, in the shape of records or as a server prints them.

    A step may say its kind: as `type`, and from older servers as `type_hex`.
    """
    parts: tuple[tuple[int, str, Writer], ...] = (
        (0x01, "account", accounts.__getitem__),
        (0x10, "currency", write_currency),
        # The order of the bytes, in which the issuer comes last; not the order of the bits.
        (0x40, "mpt_issuance_id", fixed_hex_writer(24)),
        (0x20, "issuer", accounts.__getitem__),
    )

    def step(value: Mapping[str, Any]) -> bytes:
        present = [part for part in parts if part[1] in value]
        kind = sum(bit for bit, _, _ in present)
        said = (value.get("type", kind), value.get("type_hex", f"{kind:016X}"))
        if type(said[0]) is not int or said != (kind, f"{kind:016X}"):
            raise ValueError(f"a path step of kind {kind} says that it is another")
        if len(present) + ("type" in value) + ("type_hex" in value) != len(value):
            raise ValueError("a path step has other members")
        if not kind:  # its byte would be the one that ends all paths
            raise ValueError("a path step without account, currency and issuer")
        return bytes((kind,)) + b"".join(write(value[name]) for _, name, write in present)

    def steps(path: Any) -> bytes:
        if isinstance(path, Mapping):
            _has(path, (frozenset({"steps"}),))
            path = path["steps"]
        if not path:
            raise ValueError("a path without steps")
        return b"".join(map(step, path))

    return lambda value: b"\xff".join(map(steps, value)) + b"\x00"

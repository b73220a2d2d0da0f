"""Account addresses: base58 with the alphabet and the checksum of the XRP Ledger."""

from __future__ import annotations

from hashlib import sha256

from .errors import CodecError

__all__ = ["AddressCache", "decode_address", "encode_address"]

_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
# Two digits for each division halve their number.
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_PAIR_BASE = 58**2
# 58^10 is the largest power that fits into 64 bits.
_CHUNK_BASE = 58**10
_DIGITS = {letter: digit for digit, letter in enumerate(_ALPHABET)}
_ACCOUNT_VERSION = b"\x00"


def _checksum(payload: bytes) -> bytes:
    return sha256(sha256(payload).digest()).digest()[:4]


def _base58(number: int) -> str:
    """The digits of `number`, most significant first, without leading zeros."""
    text = ""
    while number:
        # Ten digits at a time: their arithmetic stays within one machine word.
        number, chunk = divmod(number, _CHUNK_BASE)
        digits = ""
        for _ in range(5):
            chunk, pair = divmod(chunk, _PAIR_BASE)
            digits = _PAIRS[pair] + digits
        text = digits + text
    return text.lstrip(_ALPHABET[0])


def encode_address(account_id: bytes) -> str:
    """The address of the 20 bytes of an account, such as `rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh`."""
    if len(account_id) != 20:
        raise CodecError(f"an account has 20 bytes, not {len(account_id)}")
    payload = _ACCOUNT_VERSION + account_id
    data = payload + _checksum(payload)
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + _base58(int.from_bytes(data))


def decode_address(address: str) -> bytes:
    """The 20 bytes of an account from its address; `CodecError` when it is not one."""
    number = 0
    try:
        for letter in address:
            number = number * 58 + _DIGITS[letter]
        data = number.to_bytes(25)
    except (KeyError, OverflowError):
        raise CodecError(f"{address!r} is not an address") from None
    payload, checksum = data[:21], data[21:]
    if payload[:1] != _ACCOUNT_VERSION or checksum != _checksum(payload):
        raise CodecError(f"{address!r} is not an address: its checksum is wrong")
    # Leading `r`s are zeros: without them, or with more, the number is the same.
    if encode_address(payload[1:]) != address:
        raise CodecError(f"{address!r} is not an address: its length is wrong")
    return payload[1:]


class AddressCache(dict[bytes, str]):
    """Addresses by account, computed when first asked for; it forgets all when it is full.

    Args:
        limit: addresses kept at most; one costs about 250 bytes.
    """

    def __init__(self, limit: int = 65_536) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, account_id: bytes) -> str:
        if len(account_id) != 20:
            raise ValueError(f"an account has 20 bytes, {len(account_id)} are left")
        address = encode_address(account_id)
        if len(self) >= self._limit:
            self.clear()
        self[account_id] = address
        return address

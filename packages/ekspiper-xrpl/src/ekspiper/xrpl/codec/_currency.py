"""Currency codes: 20 bytes, shown as three characters or as 40 hex digits."""

from __future__ import annotations

from .address import AddressCache

__all__ = ["AssetCache", "currency_code", "currency_text"]

_XRP = bytes(20)
# rippled's `noCurrency()`, whose last byte is 1 and which it prints as the digit.
_NO_CURRENCY = bytes(19) + b"\x01"
# rippled's `isoCharSet`, in UintTypes.cpp.
_LETTERS = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>(){}[]|?!@#$%^&*"
)


def currency_text(code: bytes) -> str:
    """How rippled prints a currency: `XRP`, three characters, or 40 upper-case hex digits.

    Source: `to_string(Currency)` in rippled's `UintTypes.cpp`.
    """
    if code == _XRP:
        return "XRP"
    if code == _NO_CURRENCY:
        return "1"
    letters = code[12:15]
    if (
        code[:12] == _XRP[:12]
        and code[15:] == _XRP[:5]
        and letters != b"XRP"  # a currency that only looks like XRP is shown in hex
        and _LETTERS.issuperset(letters)
    ):
        return letters.decode("ascii")
    return code.hex().upper()


def currency_code(text: str) -> bytes:
    """The 20 bytes of a currency; the inverse of `currency_text`.

    Raises:
        ValueError: it is neither three characters nor 40 hex digits.
    """
    if text == "XRP":
        return _XRP
    if text == "1":
        return _NO_CURRENCY
    if len(text) == 40:
        return bytes.fromhex(text)
    letters = text.encode()
    if len(letters) != 3 or not _LETTERS.issuperset(letters):
        raise ValueError(f"{text!r} is not a currency: three characters or 40 hex digits")
    return _XRP[:12] + letters + _XRP[:5]


class AssetCache(dict[bytes, tuple[str, str]]):
    """Currency and issuer by the 40 bytes that say both; it forgets all when it is full."""

    def __init__(self, addresses: AddressCache, limit: int = 65_536) -> None:
        super().__init__()
        self._addresses = addresses
        self._limit = limit

    def __missing__(self, asset: bytes) -> tuple[str, str]:
        texts = (currency_text(asset[:20]), self._addresses[asset[20:]])
        # All at once: to find the oldest would cost more, on each look-up, than to compute a few
        # thousand again now and then.
        if len(self) >= self._limit:
            self.clear()
        self[asset] = texts
        return texts

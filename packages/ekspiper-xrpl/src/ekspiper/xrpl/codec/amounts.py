"""The numbers inside amounts, as rippled prints them."""

from __future__ import annotations

import re

__all__ = [
    "POSITIVE",
    "IssuedValueCache",
    "decimal_parts",
    "decimal_text",
    "issued_value",
    "issued_word",
    "mpt_value",
    "xrp_drops",
    "xrp_word",
]

_MAGNITUDE = 0x3FFFFFFFFFFFFFFF
POSITIVE = 0x4000000000000000
"""The bit that is set in the first eight bytes of an amount that is not negative."""

_MANTISSA = 0x003FFFFFFFFFFFFF
_ISSUED = 0x8000000000000000
_DIGITS = 16
_EXPONENTS = range(-96, 81)

_DROPS = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)


def xrp_drops(word: int) -> str:
    """Drops from the eight bytes of an XRP amount: a sign bit and a magnitude.

    Real ledgers of 2013 hold negative ones.
    """
    if word & POSITIVE:
        return str(word & _MAGNITUDE)
    return f"-{word & _MAGNITUDE}"


def xrp_word(drops: str) -> int:
    """The eight bytes of an XRP amount; the inverse of `xrp_drops`.

    Raises:
        ValueError: it is not a whole number of drops as it is printed, or too large.
    """
    if not _DROPS(drops):
        raise ValueError(f"{drops!r} is not a whole number of drops")
    magnitude = int(drops.removeprefix("-"))
    if magnitude > _MAGNITUDE:
        raise ValueError(f"{drops} drops do not fit")
    return magnitude if drops.startswith("-") else magnitude | POSITIVE


def mpt_value(lead: int, magnitude: int) -> str:
    """Units from the first byte (0x40: not negative) and the eight bytes of an MPT amount."""
    return str(magnitude) if lead & 0x40 or not magnitude else f"-{magnitude}"


def decimal_text(digits: str, exponent: int) -> str:
    """Digits times ten to the exponent, written out without useless zeros."""
    if exponent >= 0:
        return digits + "0" * exponent
    point = len(digits) + exponent
    if point > 0:
        whole, fraction = digits[:point], digits[point:].rstrip("0")
    else:
        whole, fraction = "0", ("0" * -point + digits).rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def decimal_parts(text: str) -> tuple[bool, int, int]:
    """Whether a decimal number is negative, its digits as one integer, and its exponent.

    Raises:
        ValueError: the text is none.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no decimal number")
    sign, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    return bool(sign), int(whole + fraction), int(exponent or 0) - len(fraction)


def issued_word(text: str) -> int:
    """The eight bytes of the value of an issued amount; the inverse of `issued_value`.

    Raises:
        ValueError: it is no decimal number, or has too many digits.
    """
    negative, digits, exponent = decimal_parts(text)
    if not digits:
        return _ISSUED
    shift = len(str(digits)) - _DIGITS
    scale: int = 10 ** abs(shift)
    mantissa, rest = divmod(digits, scale) if shift > 0 else (digits * scale, 0)
    exponent += shift
    if rest or exponent not in _EXPONENTS:
        raise ValueError(f"{text} does not fit: 16 digits and an exponent of -96 to 80")
    return _ISSUED | (0 if negative else POSITIVE) | exponent + 97 << 54 | mantissa


def issued_value(word: int) -> str:
    """The value of an issued amount from its eight bytes.

    Exponents below -25 and above -5 are printed in the form `1234567890123456e-30`,
    with all digits of the mantissa.

    Source: `STAmount::getText` in rippled's `STAmount.cpp`.
    """
    mantissa = word & _MANTISSA
    if not mantissa:
        return "0"
    exponent = (word >> 54 & 0xFF) - 97
    sign = "" if word & POSITIVE else "-"
    if exponent and (exponent < -25 or exponent > -5):
        return f"{sign}{mantissa}e{exponent}"
    return sign + decimal_text(str(mantissa), exponent)


class IssuedValueCache(dict[bytes, str]):
    """Values by their eight bytes: the same one stands in many fields of one ledger."""

    def __init__(self, limit: int = 65_536) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, word: bytes) -> str:
        text = issued_value(int.from_bytes(word))
        if len(self) >= self._limit:
            self.clear()
        self[word] = text
        return text

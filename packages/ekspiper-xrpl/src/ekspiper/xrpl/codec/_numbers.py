"""Numbers as rippled prints them: those inside amounts, and the type `Number`."""

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
    "number_parts",
    "number_text",
    "xrp_drops",
    "xrp_word",
]

# The first bit tells XRP from issued amounts, the second is the sign.
_MAGNITUDE = 0x3FFFFFFFFFFFFFFF
POSITIVE = 0x4000000000000000
"""The bit that is set in the first eight bytes of an amount that is not negative."""

_MANTISSA = 0x003FFFFFFFFFFFFF
_ISSUED = 0x8000000000000000
_DIGITS = 16
# STAmount's cMinOffset and cMaxOffset.
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
        ValueError: it is not a decimal number.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a decimal number")
    sign, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    return bool(sign), int(whole + fraction), int(exponent or 0) - len(fraction)


def issued_word(text: str) -> int:
    """The eight bytes of the value of an issued amount; the inverse of `issued_value`.

    Raises:
        ValueError: it is not a decimal number, or has too many digits.
    """
    negative, digits, exponent = decimal_parts(text)
    # Zero has no sign, no exponent and no mantissa: only the bit that says it is not XRP.
    if not digits:
        return _ISSUED
    # The ledger holds mantissas of exactly 16 digits, so that one value has one form.
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
    # Two flags, eight bits of exponent with a bias of 97, and the mantissa.
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


# The type Number has a 64-bit mantissa and a 32-bit exponent, both signed.
_NUMBER_DIGITS = 19
_MIN_MANTISSA = 10 ** (_NUMBER_DIGITS - 1)
_MIN_EXPONENT = -32768
_MAX_EXPONENT = 32768
_MAX_MANTISSA = 2**63 - 1
# rippled gives zero the lowest exponent there is.
_NUMBER_ZERO = (0, -(2**31))


def number_text(mantissa: int, exponent: int) -> str:
    """How rippled prints a Number, its mantissa scaled to 19 digits first.

    Source: `Number::normalize` and `to_string` in rippled's `Number.cpp`, with the large
    range of mantissas, which prints the small one alike but for integers of 16 digits.
    """
    if not mantissa:
        return "0"
    sign, digits = ("-", -mantissa) if mantissa < 0 else ("", mantissa)
    while digits < _MIN_MANTISSA and exponent > _MIN_EXPONENT:
        digits *= 10
        exponent -= 1
    # An underflow is zero in rippled as well.
    if exponent < _MIN_EXPONENT or digits < _MIN_MANTISSA:
        return "0"
    if exponent and (exponent < -28 or exponent > -8):
        text = str(digits)
        stripped = text.rstrip("0")
        return f"{sign}{stripped}e{exponent + len(text) - len(stripped)}"
    return sign + decimal_text(str(digits), exponent)


def number_parts(text: str) -> tuple[int, int]:
    """Mantissa and exponent of a Number as the ledger holds it; the inverse of `number_text`.

    The mantissa has 19 digits, or 18 where 19 do not fit into 63 bits.

    Raises:
        ValueError: it is not a decimal number, or has too many digits.
    """
    negative, digits, exponent = decimal_parts(text)
    if not digits:
        return _NUMBER_ZERO
    # 19 digits up to 9223372036854775807, so a mantissa that begins with 93 or more has 18.
    while digits < _MIN_MANTISSA and digits * 10 <= _MAX_MANTISSA:
        digits *= 10
        exponent -= 1
    while digits > _MAX_MANTISSA and not digits % 10:
        digits //= 10
        exponent += 1
    if digits > _MAX_MANTISSA or not _MIN_EXPONENT <= exponent <= _MAX_EXPONENT:
        raise ValueError(f"{text} does not fit: 63 bits and an exponent of -32768 to 32768")
    return -digits if negative else digits, exponent

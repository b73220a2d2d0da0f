"""The Number type: a 64-bit mantissa and a 32-bit exponent, both signed."""

from __future__ import annotations

from .amounts import decimal_parts, decimal_text

__all__ = ["number_parts", "number_text"]

_DIGITS = 19
_MIN_MANTISSA = 10 ** (_DIGITS - 1)
_MIN_EXPONENT = -32768
_MAX_EXPONENT = 32768
_MAX_MANTISSA = 2**63 - 1
_ZERO = (0, -(2**31))


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
        ValueError: it is no decimal number, or has too many digits.
    """
    negative, digits, exponent = decimal_parts(text)
    if not digits:
        return _ZERO
    while digits < _MIN_MANTISSA and digits * 10 <= _MAX_MANTISSA:
        digits *= 10
        exponent -= 1
    while digits > _MAX_MANTISSA and not digits % 10:
        digits //= 10
        exponent += 1
    if digits > _MAX_MANTISSA or not _MIN_EXPONENT <= exponent <= _MAX_EXPONENT:
        raise ValueError(f"{text} does not fit: 63 bits and an exponent of -32768 to 32768")
    return -digits if negative else digits, exponent

"""Scalars for which Arrow has its own type and JSON has text: there and back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from .._json import iso_text

__all__ = ["binary_of", "decimal_of", "instant_of", "number_text"]


# All transactions of a ledger have one close time, so nearly every text was seen before.
@lru_cache(maxsize=1024)
def instant_of(text: str) -> datetime | None:
    """A point in time from `2026-11-22T12:01:40Z`; None where it would not give back the text."""
    try:
        instant = datetime.fromisoformat(text)
        return instant if iso_text(instant) == text else None
    except (ValueError, OverflowError):
        return None


def decimal_of(text: str, *, precision: int, scale: int) -> Decimal | None:
    """A number from its text; None where it is too long, or would not give back the text."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number_text(number) != text:
        return None
    digits, exponent = number.as_tuple().digits, int(number.as_tuple().exponent)
    # Arrow would round a longer one without a word.
    return number if -exponent <= scale and len(digits) + exponent <= precision - scale else None


def number_text(number: Decimal) -> str:
    """A decimal without an exponent, and without zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def binary_of(text: str) -> bytes | None:
    """Bytes from upper-case hex; None where they would not give back the text."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if data.hex().upper() == text else None

"""Arithmetic with the values of amounts, which are decimal text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

__all__ = ["add", "asset_key", "difference", "quotient", "value_of", "value_text", "with_value"]

# Values have up to 16 digits and MPT amounts 19; a difference of two needs more, exponents apart.
_EXACT = Context(prec=200)
_RATIO = Context(prec=15, rounding=ROUND_HALF_EVEN)
_PLAIN = 30

AssetKey = tuple[str, str, str]


def asset_key(amount: Mapping[str, Any]) -> AssetKey:
    """What an amount in record shape is of: currency, issuer, MPT issuance."""
    return amount["currency"], amount["issuer"], amount.get("mpt_issuance_id", "")


def with_value(asset: AssetKey, value: Decimal) -> dict[str, str]:
    """An amount in record shape."""
    currency, issuer, issuance = asset
    amount = {"currency": currency, "issuer": issuer, "value": value_text(value)}
    if issuance:
        amount["mpt_issuance_id"] = issuance
    return amount


def value_of(amount: Mapping[str, Any] | None) -> Decimal:
    """The value of an amount in record shape; 0 for none. XRP is in drops."""
    return Decimal(amount["value"]) if amount else Decimal(0)


def add(one: Decimal, other: Decimal) -> Decimal:
    """Their sum, exactly."""
    return _EXACT.add(one, other)


def difference(after: Decimal, before: Decimal) -> Decimal:
    """`after - before`, exactly."""
    return _EXACT.subtract(after, before)


def quotient(over: Decimal, under: Decimal) -> Decimal:
    """`over / under` to 15 significant digits."""
    return _RATIO.divide(over, under)


def value_text(value: Decimal) -> str:
    """A value as text without useless zeros; very large and small ones with an exponent."""
    if not value:
        return "0"
    reduced = _EXACT.normalize(value)
    exponent = reduced.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > _PLAIN:
        return str(reduced).replace("E+", "e").replace("E", "e")
    return f"{reduced:f}"

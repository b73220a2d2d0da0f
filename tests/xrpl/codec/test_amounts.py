"""The text of amounts: exact, as rippled writes it, and read back by xrpl-py to the same bytes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core.binarycodec.types import Amount

from ekspiper.xrpl.codec._numbers import (
    POSITIVE,
    IssuedValueCache,
    issued_value,
    mpt_value,
    xrp_drops,
)

ISSUED = 1 << 63
GATEWAY = {"currency": "USD", "issuer": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"}


def word(mantissa: int, exponent: int, *, negative: bool = False) -> int:
    return ISSUED | (0 if negative else POSITIVE) | exponent + 97 << 54 | mantissa


@given(
    st.integers(10**15, 10**16 - 1),
    st.integers(-96, 80),
    st.booleans(),
)
def test_issued_values_are_exact(mantissa: int, exponent: int, negative: bool) -> None:
    value = word(mantissa, exponent, negative=negative)
    text = issued_value(value)
    assert Decimal(text) == Decimal(mantissa).scaleb(exponent) * (-1 if negative else 1)
    assert bytes(Amount.from_value({**GATEWAY, "value": text}))[:8] == value.to_bytes(8)


@pytest.mark.parametrize(
    ("mantissa", "exponent", "text"),
    [
        (1000000000000000, -15, "1"),
        (1234567890123456, 0, "1234567890123456"),
        (1500000000000000, -5, "15000000000"),
        (1500000000000000, -4, "1500000000000000e-4"),
        (1500000000000000, 1, "1500000000000000e1"),
        (1500000000000000, -25, "0.00000000015"),
        (1500000000000000, -26, "1500000000000000e-26"),
        (9999999999999999, -16, "0.9999999999999999"),
        (1000000000000001, -15, "1.000000000000001"),
    ],
)
def test_the_form_of_issued_values(mantissa: int, exponent: int, text: str) -> None:
    assert issued_value(word(mantissa, exponent)) == text
    assert issued_value(word(mantissa, exponent, negative=True)) == f"-{text}"


def test_an_issued_zero() -> None:
    assert issued_value(ISSUED) == "0"


@given(st.integers(0, 10**17))
def test_drops(drops: int) -> None:
    assert xrp_drops(POSITIVE | drops) == str(drops)
    assert xrp_drops(drops) == f"-{drops}"


def test_units_of_a_token() -> None:
    assert mpt_value(0x60, 2**63 - 1) == "9223372036854775807"
    assert mpt_value(0x20, 5) == "-5"
    assert mpt_value(0x20, 0) == "0"


def test_the_cache_is_bounded() -> None:
    cache = IssuedValueCache(limit=2)
    for digit in range(1, 9):
        value = word(digit * 10**15, -15)
        assert cache[value.to_bytes(8)] == str(digit)
        assert len(cache) <= 2

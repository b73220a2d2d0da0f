"""The text of Numbers, against xrpl-py."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core.binarycodec.types.number import Number

from ekspiper.xrpl.codec._numbers import number_text


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-200, 200))
def test_exact(mantissa: int, exponent: int) -> None:
    assert Decimal(number_text(mantissa, exponent)) == Decimal(mantissa).scaleb(exponent)


@given(st.integers(10**18, 2**63 - 1), st.integers(-60, 60), st.booleans())
def test_like_the_peer(mantissa: int, exponent: int, negative: bool) -> None:
    signed = -mantissa if negative else mantissa
    packed = signed.to_bytes(8, signed=True) + exponent.to_bytes(4, signed=True)
    assert number_text(signed, exponent) == Number(packed).to_json()


@pytest.mark.parametrize(
    ("mantissa", "exponent", "text"),
    [
        (0, -2147483648, "0"),
        (10**18, -18, "1"),
        (-15 * 10**17, -18, "-1.5"),
        (10**18, 0, "1000000000000000000"),
        (10**18, -8, "10000000000"),
        (10**18, -7, "1e11"),
        (10**18, -28, "0.0000000001"),
        (10**18, -29, "1e-11"),
        (1_234_567_890_123_456, -10, "123456.7890123456"),
        (1, -40000, "0"),
        (2**63 - 1, 32768, "9223372036854775807e32768"),
    ],
)
def test_the_form(mantissa: int, exponent: int, text: str) -> None:
    assert number_text(mantissa, exponent) == text

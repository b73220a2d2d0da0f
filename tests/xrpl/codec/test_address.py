"""Addresses, against xrpl-py's address codec."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xrpl.core.addresscodec import encode_classic_address

from ekspiper.xrpl.codec import AddressCache, CodecError, decode_address, encode_address

ROOT = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


@given(st.binary(min_size=20, max_size=20))
@example(bytes(20))
@example(b"\xff" * 20)
@example(bytes(19) + b"\x01")
def test_both_ways(account: bytes) -> None:
    address = encode_address(account)
    assert address == encode_classic_address(account)
    assert decode_address(address) == account


def test_well_known() -> None:
    assert encode_address(bytes(20)) == "rrrrrrrrrrrrrrrrrrrrrhoLvTp"
    assert encode_address(bytes(19) + b"\x01") == "rrrrrrrrrrrrrrrrrrrrBZbvji"


@pytest.mark.parametrize(
    "text",
    ["", "r", ROOT[:-1], ROOT + "r", "r" + ROOT, ROOT[:-1] + "i", "0" + ROOT[1:], "rHb9 CJAW", "é"],
)
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(CodecError, match="is not an address"):
        decode_address(text)


def test_an_account_has_20_bytes() -> None:
    with pytest.raises(CodecError, match="20 bytes, not 19"):
        encode_address(bytes(19))


def test_the_cache_is_bounded() -> None:
    cache = AddressCache(limit=3)
    for last in range(10):
        account = bytes(19) + bytes((last,))
        assert cache[account] == encode_address(account)
        assert len(cache) <= 3

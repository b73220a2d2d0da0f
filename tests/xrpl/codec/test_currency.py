"""Currency codes: three characters where rippled prints them, 40 hex digits where it does not."""

from __future__ import annotations

import pytest

from ekspiper.xrpl.codec import AddressCache
from ekspiper.xrpl.codec._currency import AssetCache, currency_text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("00" * 20, "XRP"),
        ("00" * 19 + "01", "1"),
        ("00" * 12 + "555344" + "00" * 5, "USD"),
        ("00" * 12 + "3C243E" + "00" * 5, "<$>"),
        # the system's own code spelled out, and letters that are not allowed
        ("00" * 12 + "585250" + "00" * 5, "00" * 12 + "585250" + "00" * 5),
        ("00" * 12 + "55532E" + "00" * 5, "00" * 12 + "55532E" + "00" * 5),
        # look-alikes: something stands beside the three letters
        ("01" + "00" * 11 + "555344" + "00" * 5, "01" + "00" * 11 + "555344" + "00" * 5),
        ("00" * 12 + "555344" + "00" * 4 + "01", "00" * 12 + "555344" + "00" * 4 + "01"),
        ("534F4C4F" + "00" * 16, "534F4C4F" + "00" * 16),
    ],
)
def test_text(code: str, text: str) -> None:
    assert currency_text(bytes.fromhex(code)) == text


def test_the_cache_is_bounded() -> None:
    cache = AssetCache(AddressCache(), limit=2)
    for last in range(5):
        assert cache[bytes(39) + bytes((last,))][0] == "XRP"
        assert len(cache) <= 2

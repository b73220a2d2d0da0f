"""Length prefixes; the hashes themselves are proven by the recorded ledgers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.codec import CodecError, encode_length, read_length


@given(st.integers(0, 918744))
def test_lengths_both_ways(size: int) -> None:
    prefix = encode_length(size)
    assert read_length(prefix, 0) == (size, len(prefix))


@pytest.mark.parametrize(
    ("size", "prefix"),
    [(0, "00"), (192, "C0"), (193, "C100"), (12480, "F0FF"), (12481, "F10000"), (918744, "FED417")],
)
def test_where_a_prefix_grows(size: int, prefix: str) -> None:
    assert encode_length(size).hex().upper() == prefix


def test_more_than_a_prefix_can_say() -> None:
    with pytest.raises(CodecError, match="918745 bytes are more"):
        encode_length(918745)

from __future__ import annotations

import pytest

from ekspiper.xrpl.client._belief import is_far_ahead, newest_of


@pytest.mark.parametrize(
    ("said", "newest"),
    [
        ([], 0),
        ([302], 302),
        ([302, 9_000_000], 9_000_000),  # of two, nobody can say which is right
        ([302, 301, 9_000_000], 302),
        ([302, 9_000_000, 9_000_001], 9_000_001),
        ([302, 290, 303], 303),
        ([0, 0, 101], 0),
        ([0, 0, 100], 100),
    ],
)
def test_newest_is_what_no_node_alone_says_far_ahead_of_the_others(
    said: list[int], newest: int
) -> None:
    assert newest_of(said) == newest


def test_one_witness_is_not_enough_to_call_a_node_alone() -> None:
    assert not is_far_ahead(1_000, [1])
    assert is_far_ahead(1_000, [1, 1])

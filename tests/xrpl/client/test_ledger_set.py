from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.client import LedgerSet

INDEXES = st.integers(1, 60)
SPANS = st.lists(st.tuples(INDEXES, st.integers(0, 9)).map(lambda p: (p[0], p[0] + p[1])))


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("empty", ()),
        ("", ()),
        ("5", ((5, 5),)),
        ("2-302", ((2, 302),)),
        ("32570-6595042,6595052-6595054", ((32570, 6595042), (6595052, 6595054))),
        ("10-12, 3-4,5", ((3, 5), (10, 12))),
    ],
)
def test_parse(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert LedgerSet.parse(text).ranges == ranges


@pytest.mark.parametrize("text", ["all", "1-", "-5", "5-3", "1,,2", "1-2-3", "0x10", "1.5"])
def test_what_is_no_set(text: str) -> None:
    with pytest.raises(ValueError):
        LedgerSet.parse(text)


def test_disjoint_is_not_full() -> None:
    held = LedgerSet.parse("2-90,100-302")
    assert 90 in held
    assert 95 not in held
    assert 1 not in held
    assert 303 not in held
    assert (held.first, held.last, len(held)) == (2, 302, 292)
    assert held.missing(80, 105).ranges == ((91, 99),)


@given(SPANS, SPANS, INDEXES, INDEXES)
def test_it_is_a_set_of_integers(
    one: list[tuple[int, int]], two: list[tuple[int, int]], first: int, last: int
) -> None:
    a, b = LedgerSet.of(one), LedgerSet.of(two)
    plain = {i for low, high in one for i in range(low, high + 1)}
    other = {i for low, high in two for i in range(low, high + 1)}
    assert set(a) == plain
    assert len(a) == len(plain)
    assert set(a | b) == plain | other
    assert set(a.missing(first, last)) == set(range(first, last + 1)) - plain
    assert set(a.add(first)) == plain | {first}
    assert LedgerSet.parse(str(a)) == a
    assert all(i in a for i in plain)
    assert all(high + 1 < low for (_, high), (low, _) in zip(a.ranges, a.ranges[1:], strict=False))


def test_places() -> None:
    ledgers = LedgerSet.parse("5-7,10,20-21")
    assert [ledgers.at(place) for place in range(len(ledgers))] == [*ledgers]
    for place in (6, -1):
        with pytest.raises(IndexError):
            ledgers.at(place)


@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)))
def test_without(some: set[int], others: set[int]) -> None:
    left = _of(some).without(_of(others))
    assert [*left] == sorted(some - others)
    assert left == _of(some - others)


def _of(indexes: set[int]) -> LedgerSet:
    return LedgerSet.of((index, index) for index in indexes)

"""Names of rotated files, and where a file ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.sinks.jsonl._file_names import FileNames, same_period, split


def test_one_file_has_the_name_it_was_given() -> None:
    names = FileNames("transactions.jsonl", ".gz", rotates=False)
    assert names.of(names.first) == "transactions.jsonl.gz"
    assert names.number("transactions.jsonl.gz") == 0
    assert names.number("transactions-00000001.jsonl.gz") is None


def test_rotated_names_sort_as_their_numbers() -> None:
    names = FileNames("a.b.jsonl", "", rotates=True)
    made = [names.of(number) for number in (1, 2, 10, 99_999_999)]
    assert made[0] == "a.b-00000001.jsonl"
    assert made == sorted(made)
    assert [names.number(name) for name in made] == [1, 2, 10, 99_999_999]


@pytest.mark.parametrize(
    "name",
    [
        "a.jsonl",
        "a-1.jsonl",
        "a-00000001.jsonl.gz",
        "a-00000001xjsonl",
        "ba-00000001.jsonl",
        "a-00000001.jsonl~",
    ],
)
def test_other_files_have_no_number(name: str) -> None:
    assert FileNames("a.jsonl", "", rotates=True).number(name) is None


@given(
    sizes=st.lists(st.integers(1, 50), max_size=30),
    held=st.integers(0, 60),
    limit=st.integers(1, 60),
)
def test_split_keeps_every_line_and_the_limit(sizes: list[int], held: int, limit: int) -> None:
    parts = split(sizes, held=held, limit=limit)
    assert [size for part in parts for size in sizes[part]] == sizes
    for place, part in enumerate(parts):
        total = sum(sizes[part]) + (held if place == 0 else 0)
        alone = len(sizes[part]) <= 1 and (place > 0 or not held)
        assert total <= limit or alone or (place == 0 and not sizes[part])
    assert all(sizes[part] for part in parts[1:])


def test_periods_begin_at_multiples() -> None:
    assert same_period(3600, 7199.9, seconds=3600)
    assert not same_period(7199.9, 7200, seconds=3600)
    assert same_period(0, 1e9, seconds=None)

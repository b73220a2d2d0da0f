"""What a sink holds is told by the item a row came from, in whatever order rows arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import CheckpointError
from ekspiper.core._runner.already_kept import AlreadyKept


@given(
    positions=st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=20),
    held=st.integers(0, 19),
    lead=st.integers(0, 19),
)
def test_covers_exactly_the_items_up_to_its_position(
    positions: list[str], held: int, lead: int
) -> None:
    """The source may be `lead` items ahead of the rows."""
    at = held % len(positions)
    follower = AlreadyKept(positions[at], checkpoint="before all", place="sink")
    seen = 0
    for sequence in range(len(positions)):
        while seen < min(len(positions), sequence + 1 + lead):
            follower.see(seen, positions[seen])
            seen += 1
        assert follower.covers(sequence) == (sequence <= at)
        assert follower.is_beyond(sequence) == (sequence < at)
    follower.end()


def test_nothing_is_held_where_the_sink_says_what_the_checkpoint_says() -> None:
    follower = AlreadyKept(7, checkpoint=7, place="sink")
    follower.see(0, 8)
    assert not follower.covers(0)
    assert not follower.is_beyond(0)


def test_a_source_that_starts_afresh_beyond_what_is_held() -> None:
    follower = AlreadyKept(7, checkpoint=None, place="sink")
    follower.see(0, 8)
    assert not follower.covers(0)
    assert follower.is_beyond(0), "it may yet turn out to read backwards"
    follower.see(1, 9)
    assert not follower.covers(1)
    assert not follower.is_beyond(0)
    follower.end()


def test_a_source_of_one_item_beyond_what_is_held() -> None:
    follower = AlreadyKept(7, checkpoint=None, place="sink")
    follower.see(0, 8)
    follower.end()
    assert not follower.is_beyond(0)


def test_a_source_that_reads_backwards_to_what_is_held() -> None:
    follower = AlreadyKept(7, checkpoint=None, place="sink")
    for sequence, position in enumerate([10, 9, 8]):
        follower.see(sequence, position)
    assert [follower.covers(sequence) for sequence in range(3)] == [False, True, True]
    follower.see(3, 7)
    follower.see(4, 6)
    assert [follower.covers(sequence) for sequence in range(5)] == [False, True, True, True, False]
    assert follower.is_beyond(2)
    assert not follower.is_beyond(3)
    follower.end()


def test_a_source_that_ends_before_what_is_held() -> None:
    follower = AlreadyKept(7, checkpoint=None, place="sink")
    for sequence, position in enumerate([1, 2, 3]):
        follower.see(sequence, position)
        assert follower.covers(sequence)
    follower.end()


@pytest.mark.parametrize("positions", [[3, 2, 1], ["a", "b"]])
def test_a_source_that_never_comes_to_what_is_held(positions: list[object]) -> None:
    follower = AlreadyKept(7 if positions == [3, 2, 1] else "z", checkpoint=None, place="the sink")
    for sequence, position in enumerate(positions):
        follower.see(sequence, position)
    with pytest.raises(
        CheckpointError, match=r"the sink holds everything up to .*, but the source"
    ):
        follower.end()


@pytest.mark.parametrize(
    ("held", "checkpoint", "first"), [(4, 10, 11), (20, 10, 9)], ids=["forwards", "backwards"]
)
def test_a_sink_that_has_fallen_behind_its_checkpoint(
    held: int, checkpoint: int, first: int
) -> None:
    follower = AlreadyKept(held, checkpoint=checkpoint, place="the sink")
    with pytest.raises(CheckpointError, match="rows between are missing"):
        follower.see(0, first)

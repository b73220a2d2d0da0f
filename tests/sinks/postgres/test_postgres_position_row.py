"""How far a table is: whatever is committed and undone, rows and position agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ekspiper.sinks._position_row import PositionRow

EMPTY = PositionRow(identity="one")
steps = st.lists(st.sampled_from(["move", "stay", "none", "early"]), max_size=12)


def after(step: str, standing: PositionRow, rows: int) -> PositionRow:
    if step == "early":
        return standing.early(rows)
    position = {"move": rows * 10, "stay": standing.position, "none": None}[step]
    return standing.at(position, rows)


@given(steps, st.data())
def test_a_restart_holds_a_checkpoint_or_the_later_position(taken: list[str], data: Any) -> None:
    history = [EMPTY]
    for number, step in enumerate(taken, start=1):
        history.append(after(step, history[-1], number))
    now = history[-1]
    assert now.position_rows <= now.snapshot_rows <= now.written_rows
    assert now.commits == len(taken)
    then = data.draw(st.sampled_from(history))
    back = now.back_to(then.state, "t")
    assert back.written_rows == back.snapshot_rows == max(then.snapshot_rows, now.position_rows)
    assert back.position == now.position
    assert back.commits == now.commits + 1
    again = back.back_to(back.state, "t")
    assert replace(again, commits=back.commits) == back


@given(steps)
def test_without_a_checkpoint_no_snapshot_is_undone(taken: list[str]) -> None:
    now = EMPTY
    for number, step in enumerate(taken, start=1):
        now = after(step, now, number)
    back = now.back_to(None, "t")
    assert back.written_rows >= now.snapshot_rows
    if now.position is None:
        assert back.written_rows == now.written_rows


def test_an_earlier_position_does_not_move_it() -> None:
    ahead = EMPTY.at(10, 3).at(20, 6)
    assert ahead.at(10, 8, before=10).position == 20
    assert ahead.at(10, 8, before=10).position_rows == 6
    assert ahead.at(30, 8, before=10).position_rows == 8


def test_a_position_is_as_it_will_be_read() -> None:
    """Or a commit whose answer was lost would not be recognised."""
    standing = EMPTY.at((1, "a"), 3)
    assert standing.position == [1, "a"]
    assert standing.at((1, "a"), 4).position_rows == 3

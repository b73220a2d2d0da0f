"""The writer against a model: whatever is lost and killed, every item is in the table once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.sinks._lake import LakeTable
from ekspiper.sinks._lake.lake_writer import LakeWriter
from ekspiper.sinks._position_row import PositionRow

OK, NOT_DONE, ANSWER_LOST = "ok", "not done", "answer lost"


class Lost(Exception):
    """A commit failed, or its answer is lost."""


class Model(LakeTable):
    """A table in memory, whose commits end as they are told to."""

    identity = "model"
    keeps_empty_lists = True

    def __init__(self, outcomes: list[str]) -> None:
        self.outcomes = outcomes
        self.numbers: list[int] = []
        self.items: list[int] = []
        self.row: PositionRow | None = None

    def __str__(self) -> str:
        return "the model"

    def open(self, schema: Any) -> Any:
        return schema

    @property
    def rows(self) -> int:
        return len(self.items)

    def position_row(self) -> PositionRow | None:
        return self.row

    def commit(self, rows: Any, row: PositionRow, *, after: int) -> None:
        def take() -> None:
            assert all(number <= after for number in self.numbers)
            self.numbers += rows["_row"].to_pylist()
            self.items += rows["ledger_index"].to_pylist()
            self.row = row

        self._end(take)

    def cut_back(self, row: PositionRow) -> None:
        def take() -> None:
            kept = sum(number <= row.written_rows for number in self.numbers)
            del self.numbers[kept:], self.items[kept:]
            self.row = row

        self._end(take)

    def _end(self, take: Callable[[], None]) -> None:
        outcome = self.outcomes.pop() if self.outcomes else OK
        if outcome != NOT_DONE:
            take()
        if outcome != OK:
            raise Lost

    def close(self) -> None:
        pass


class Run:
    """What the runner does with a source of whole numbers, killed now and then."""

    def __init__(self, table: Model) -> None:
        self.table = table
        self.checkpoint: tuple[int | None, Any] = (None, None)
        self.restart()
        # The runner writes a checkpoint before the first item.
        self.checkpoint = (None, self.insist(lambda: self.writer.snapshot(None)))

    def restart(self) -> None:
        position, state = self.checkpoint
        while True:
            self.writer = LakeWriter(self.table, None)
            try:
                self.writer.open()
                self.held = self.writer.restore(state)
                break
            except Lost:
                continue
        self.next = 0 if position is None else position + 1

    def collect(self, count: int) -> None:
        batch: list[Any] = []
        for item in range(self.next, self.next + count):
            if self.held is None or item > self.held:
                batch += [{"ledger_index": item}] if item % 3 else [{"ledger_index": item}, "bad"]
        self.next += count
        self.writer.add(self.writer.encode(batch))

    def insist(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                return call()
            except Lost:
                continue

    def early(self) -> None:
        if self.writer.pending_bytes:
            self.insist(self.writer.commit_early)

    def snapshot(self, *, saved: bool) -> None:
        position = self.next - 1
        # The runner takes no snapshot while the table is ahead of the source.
        if position >= (self.held or 0):
            state = self.insist(lambda: self.writer.snapshot(position))
            if saved:
                self.checkpoint = (position, state)


ops = st.lists(
    st.tuples(st.just("collect"), st.integers(0, 4))
    | st.tuples(st.sampled_from(["early", "save", "unsaved", "kill"]), st.just(0)),
    max_size=25,
)


@settings(deadline=None, max_examples=300)
@given(ops, st.lists(st.sampled_from([OK, NOT_DONE, ANSWER_LOST]), max_size=12))
def test_every_item_once(steps: list[tuple[str, int]], outcomes: list[str]) -> None:
    table = Model(outcomes)
    run = Run(table)
    for name, count in steps:
        if name == "collect":
            run.collect(count)
        elif name == "early":
            run.early()
        elif name == "kill":
            run.restart()
        else:
            run.snapshot(saved=name == "save")
    run.restart()
    run.collect(120)
    run.snapshot(saved=True)
    assert table.items == list(range(run.next))
    assert table.numbers == sorted(set(table.numbers))


@settings(deadline=None, max_examples=60)
@given(ops)
def test_a_table_without_its_checkpoint_continues_from_its_position(
    steps: list[tuple[str, int]],
) -> None:
    table = Model([])
    run = Run(table)
    for name, count in steps:
        if name == "collect":
            run.collect(count)
        elif name in ("save", "unsaved"):
            run.snapshot(saved=False)
        elif name == "kill":
            run.restart()
    run.restart()
    run.collect(120)
    run.snapshot(saved=False)
    assert table.items == list(range(120))

"""A source whose start moves: where it began is in the checkpoint before anything is anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ekspiper.core import EkspiperError, Flow, FlowFailed, Pipeline, Position, Source, Step
from ekspiper.core.testing import (
    CommittingCollector,
    MemoryCheckpoint,
    RecordingCollector,
    RecoverableCollector,
)


class Newest(Source[int]):
    """Begins with what is newest, and goes on from there."""

    def __init__(self, newest: int, *, last: int) -> None:
        self._newest = newest
        self._last = last
        self._at: int | None = None

    @property
    def position(self) -> Position:
        return self._at

    async def begin(self) -> Position:
        self._at = self._newest - 1
        return self._at

    async def resume(self, position: Position) -> None:
        self._at = position

    async def __aiter__(self) -> AsyncIterator[int]:
        at = self._newest - 1 if self._at is None else self._at
        for number in range(at + 1, self._last + 1):
            self._at = number
            yield number


def pipeline(source: Source[Any], sink: Any, process: Any = abs) -> Pipeline:
    return Pipeline(Flow("f", source=source, steps=(Step(process, name="s", collectors=(sink,)),)))


def dies(number: int) -> int:
    raise ValueError(f"in the middle of {number}")


async def die_at_once(source: Source[Any], sink: Any, checkpoint: MemoryCheckpoint) -> None:
    with pytest.raises(FlowFailed):
        await pipeline(source, sink, process=dies).run(checkpoint=checkpoint)


async def test_a_run_that_dies_at_once_begins_there_again() -> None:
    checkpoint, kept = MemoryCheckpoint(), RecordingCollector()
    await die_at_once(Newest(5, last=9), kept, checkpoint)
    assert checkpoint.positions == [{"f": 4}]
    await pipeline(Newest(8, last=9), kept).run(checkpoint=checkpoint)
    assert kept.items == [5, 6, 7, 8, 9]


async def test_also_with_a_sink_that_is_cut_back() -> None:
    checkpoint, store = MemoryCheckpoint(), ["of before"]
    await die_at_once(Newest(5, last=9), RecoverableCollector(store), checkpoint)
    store.append("behind the checkpoint")
    await pipeline(Newest(8, last=9), RecoverableCollector(store)).run(checkpoint=checkpoint)
    assert store == ["of before", 5, 6, 7, 8, 9]


async def test_an_item_that_is_dropped_first_comes_again() -> None:
    checkpoint, store = MemoryCheckpoint(), CommittingCollector.Store()
    step = Step(dies, name="s", on_error="skip", collectors=(CommittingCollector(store),))
    await Pipeline(Flow("f", source=Newest(5, last=6), steps=(step,))).run(checkpoint=checkpoint)
    assert store.position == 4
    await pipeline(Newest(8, last=9), CommittingCollector(store)).run(checkpoint=checkpoint)
    assert store.items == [5, 6, 7, 8, 9]


async def test_a_sink_that_holds_its_own_position_is_not_behind_a_beginning() -> None:
    """Without its checkpoint a run starts again from the beginning."""
    checkpoint, store = MemoryCheckpoint(), CommittingCollector.Store()
    store.position = 3
    await die_at_once(Newest(5, last=9), CommittingCollector(store), checkpoint)
    await pipeline(Newest(8, last=9), CommittingCollector(store)).run(checkpoint=checkpoint)
    assert store.items == [8, 9]


async def test_a_checkpoint_goes_before_the_beginning() -> None:
    checkpoint = MemoryCheckpoint()
    await pipeline(Newest(5, last=6), RecordingCollector()).run(checkpoint=checkpoint)
    source = Newest(9, last=9)
    source.begin = None  # type: ignore[assignment, method-assign]
    kept = RecordingCollector()
    await pipeline(source, kept).run(checkpoint=checkpoint)
    assert kept.items == [7, 8, 9]


async def test_a_source_that_cannot_say_ends_the_run() -> None:
    class Broken(Newest):
        async def begin(self) -> Position:
            raise OSError("the line is dead")

    checkpoint = MemoryCheckpoint()
    with pytest.raises(EkspiperError, match="'f': the source cannot say where it begins: OSErr"):
        await pipeline(Broken(5, last=6), RecordingCollector()).run(checkpoint=checkpoint)
    assert checkpoint.saved == []


async def test_a_source_of_another_family_needs_not_know_of_it() -> None:
    class Other:
        """Has a position from which it resumes, and nothing else that a source may have."""

        position: Position = None

        async def resume(self, position: Position) -> None: ...

        async def __aiter__(self) -> AsyncIterator[int]:
            for number in range(3):
                self.position = number
                yield number

    checkpoint, kept = MemoryCheckpoint(), RecordingCollector()
    source: Any = Other()
    await pipeline(source, kept).run(checkpoint=checkpoint)
    assert kept.items == [0, 1, 2]
    assert checkpoint.positions[-1] == {"f": 2}

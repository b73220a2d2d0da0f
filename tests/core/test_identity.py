"""A position says nothing without what it is a position of, and nothing if it does not move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ekspiper.core import (
    CheckpointError,
    Flow,
    FlowFailed,
    IterableSource,
    PassThrough,
    Pipeline,
    PipelineError,
    Position,
    Source,
    Step,
)
from ekspiper.core.testing import CommittingCollector, MemoryCheckpoint, RecordingCollector

MONDAY = ["monday-1", "monday-2", "monday-3"]
TUESDAY = ["tuesday-1", "tuesday-2", "tuesday-3", "tuesday-4"]


def reading(source: Any, sink: Any) -> Pipeline:
    return Pipeline(Flow("f", source=source, steps=(Step(PassThrough(), collectors=(sink,)),)))


async def letters() -> AsyncIterator[str]:
    for letter in "abc":
        yield letter


@pytest.mark.parametrize("make", [lambda: MONDAY, lambda: iter(MONDAY), letters])
async def test_a_list_without_a_name_has_no_checkpoint(make: Any) -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    with pytest.raises(PipelineError, match=r"IterableSource\(items, identity='...'\)"):
        await reading(make(), sink).run(checkpoint=checkpoint)
    assert (sink.opened, sink.items, checkpoint.saved) == (0, [], []), "refused before it began"
    await reading(make(), sink).run()
    assert len(sink.items) == 3


async def test_another_list_is_refused_and_the_same_goes_on() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    await reading(IterableSource(MONDAY, identity="monday"), sink).run(checkpoint=checkpoint)
    with pytest.raises(CheckpointError, match=r"taken from 'monday'.* now reads 'tuesday'"):
        await reading(IterableSource(TUESDAY, identity="tuesday"), sink).run(checkpoint=checkpoint)
    more = IterableSource([*MONDAY, "monday-4"], identity="monday")
    await reading(more, sink).run(checkpoint=checkpoint)
    assert sink.items == [*MONDAY, "monday-4"]


@pytest.mark.parametrize("fewer", [MONDAY[:2], iter(MONDAY[:1]), []])
async def test_fewer_items_than_were_read_before_are_not_the_same(fewer: Any) -> None:
    """A list that was cut, or a generator that is used up, would end at once without a word."""
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    await reading(IterableSource(MONDAY, identity="monday"), sink).run(checkpoint=checkpoint)
    with pytest.raises(FlowFailed, match=r"3 items of 'monday' were read before, but there are"):
        await reading(IterableSource(fewer, identity="monday"), sink).run(checkpoint=checkpoint)
    assert sink.items == MONDAY
    await reading(IterableSource(MONDAY, identity="monday"), sink).run(checkpoint=checkpoint)


async def test_an_iterable_may_have_an_identity_of_its_own() -> None:
    class Rows(list[str]):
        identity = "rows of monday"

    checkpoint = MemoryCheckpoint()
    await reading(Rows(MONDAY), RecordingCollector()).run(checkpoint=checkpoint)
    assert checkpoint.positions[-1] == {"f": 3}


async def test_a_sink_that_holds_a_position_is_not_read_into_from_a_list_without_a_name() -> None:
    """Else it would take the first items for those it has, and leave them out."""
    store = CommittingCollector.Store()
    await reading(MONDAY, CommittingCollector(store)).run()
    with pytest.raises(CheckpointError, match="holds everything up to 3, but the source"):
        await reading(TUESDAY, CommittingCollector(store)).run()
    assert store.items == MONDAY


class Stuck(Source[str]):
    """Gives its items at one position."""

    def __init__(self, position: Position) -> None:
        self._position = position

    @property
    def position(self) -> Position:
        return self._position

    async def resume(self, position: Position) -> None: ...

    async def __aiter__(self) -> AsyncIterator[str]:
        for item in MONDAY:
            yield item


@pytest.mark.parametrize(
    ("position", "message"), [(None, "has no position"), (7, "has the position 7 again")]
)
async def test_a_source_that_does_not_move_is_refused(position: Position, message: str) -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    with pytest.raises(FlowFailed, match=f"{message}; the position of a source must move"):
        await reading(Stuck(position), sink).run(checkpoint=checkpoint)
    await reading(Stuck(position), sink).run()
    assert sink.items[-3:] == MONDAY, "without a checkpoint it needs no position"


async def test_one_that_begins_at_the_position_and_not_behind_it_is_refused() -> None:
    class Again(Stuck):
        async def __aiter__(self) -> AsyncIterator[str]:
            yield MONDAY[0]

    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    await reading(Again(1), sink).run(checkpoint=checkpoint)
    with pytest.raises(FlowFailed, match="has the position 1 again"):
        await reading(Again(1), sink).run(checkpoint=checkpoint)
    assert sink.items == MONDAY[:1]

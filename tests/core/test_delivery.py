"""At least once, exactly once, and what a checkpoint may say: the promises of delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    CheckpointError,
    Collector,
    CommitPolicy,
    Delivery,
    Flow,
    FlowFailed,
    Permanent,
    Pipeline,
    Queue,
    Retryable,
    RetryPolicy,
    Step,
    processor,
)
from ekspiper.core.testing import (
    Abort,
    CommittingCollector,
    End,
    Fail,
    FaultyCollector,
    Half,
    Kept,
    ListSource,
    MemoryCheckpoint,
    Pause,
    RecordingCollector,
    RecoverableCollector,
    run_virtual,
)


@processor
def same(item: Any) -> Any:
    return item


@processor
async def fails_at_five(item: int) -> int:
    if item == 5:
        raise Permanent("five is too much")
    return item


def chain(source: Any, sink: Any, **step: Any) -> Pipeline:
    """Three flows in a row."""
    first, second = Queue("first"), Queue("second")
    return Pipeline(
        Flow("a", source=source, steps=(Step(same, collectors=(first,)),)),
        Flow("b", source=first, steps=(Step(same, collectors=(second,), name="same"),)),
        Flow(
            "c",
            source=second,
            steps=(Step(step.pop("processor", same), collectors=(sink,), name="last", **step),),
        ),
    )


def test_every_item_reaches_the_sink_and_the_checkpoint_says_so() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    report = run_virtual(chain(ListSource(range(1000)), sink).run(checkpoint=checkpoint))
    assert sink.items == list(range(1000))
    assert (report.read, report.kept, report.drained) == (1000, 1000, False)
    assert checkpoint.positions[-1] == {"a": 1000}
    assert (sink.opened, sink.closed) == (1, 1)


def test_a_filtered_item_counts_as_kept() -> None:
    odd = processor(lambda item: item if item % 2 else None)
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    report = run_virtual(
        chain(ListSource(range(10)), sink, processor=odd).run(checkpoint=checkpoint)
    )
    assert sink.items == [1, 3, 5, 7, 9]
    assert report.kept == 10
    assert checkpoint.positions[-1] == {"a": 10}


def test_an_item_is_kept_when_every_branch_has_kept_it() -> None:
    """A collector that never keeps item 3 holds the checkpoint before it, whatever the other does."""

    class Refusing(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            if 3 in batch:
                raise Retryable("never")
            await super().collect(batch)

    good, bad = RecordingCollector(BatchPolicy(count=1)), Refusing(BatchPolicy(count=1))
    checkpoint = MemoryCheckpoint()
    pipeline = Pipeline(
        Flow(
            "a",
            source=ListSource(range(10)),
            steps=(
                Step(same, name="good", collectors=(good,)),
                Step(same, name="bad", collectors=(Delivery(bad, name="bad"),)),
            ),
        )
    )

    async def main() -> None:
        run = pipeline.start(checkpoint=checkpoint, commit=CommitPolicy(items=1))
        task = asyncio.create_task(run.finish())
        await good.wait_for(10)
        await asyncio.sleep(60)
        run.stop()
        with pytest.raises(Exception, match="stopped before everything was kept: 7 items"):
            await task

    run_virtual(main())
    assert good.items == list(range(10))
    assert checkpoint.positions[-1] == {"a": 3}


def test_the_checkpoint_never_passes_a_dropped_item() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    pipeline = chain(ListSource(range(20)), sink, processor=fails_at_five, on_error="skip")
    report = run_virtual(pipeline.run(checkpoint=checkpoint, commit=CommitPolicy(items=1)))
    assert sink.items == [item for item in range(20) if item != 5]
    assert (report.kept, report.dropped) == (19, 1)
    assert checkpoint.positions[-1] == {"a": 5}, "items 0 to 4, and not item 5"


def test_a_dead_letter_counts_as_kept_and_says_everything() -> None:
    sink, letters, checkpoint = RecordingCollector(), RecordingCollector(), MemoryCheckpoint()
    source = ListSource(range(10), identity="the list")
    pipeline = chain(source, sink, processor=fails_at_five)
    report = run_virtual(pipeline.run(checkpoint=checkpoint, dead_letters=letters))
    assert (report.kept, report.dead_lettered) == (9, 1)
    assert checkpoint.positions[-1] == {"a": 10}
    (letter,) = letters.items
    assert letter.pop("time").endswith("Z")
    assert letter == {
        "source": "the list",
        "position": 6,
        "flow": "c",
        "step": "last",
        "collector": None,
        "error": "Permanent",
        "message": "five is too much",
        "item": 5,
    }


def test_without_dead_letters_an_error_stops_the_pipeline_and_says_where() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    pipeline = chain(ListSource(range(10)), sink, processor=fails_at_five)
    with pytest.raises(
        FlowFailed, match=r"^flow 'c', step 'last', at position 6: five is too much$"
    ) as caught:
        run_virtual(pipeline.run(checkpoint=checkpoint))
    assert (caught.value.flow, caught.value.step, caught.value.position) == ("c", "last", 6)
    assert not checkpoint.positions or checkpoint.positions[-1]["a"] in (None, *range(6))
    assert sink.closed == 1


def test_only_the_failed_members_of_a_batch_become_dead_letters() -> None:
    sink, letters = RecordingCollector(BatchPolicy(count=10)), RecordingCollector()
    faulty = FaultyCollector(sink, refuses=lambda record: record % 7 == 0)
    report = run_virtual(chain(ListSource(range(100)), faulty).run(dead_letters=letters))
    assert sorted(sink.items) == [item for item in range(100) if item % 7]
    assert [letter["item"] for letter in letters.items] == list(range(0, 100, 7))
    assert {letter["collector"] for letter in letters.items} == {"FaultyCollector"}
    assert report.dead_lettered == 15


def test_a_batch_that_fails_as_a_whole_is_split_to_find_who_it_was() -> None:
    class Strict(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            if 13 in batch:
                raise ValueError("unlucky")
            await super().collect(batch)

    sink, letters = Strict(BatchPolicy(count=32)), RecordingCollector()
    run_virtual(chain(ListSource(range(32)), sink).run(dead_letters=letters))
    assert sorted(sink.items) == [item for item in range(32) if item != 13]
    assert [letter["item"] for letter in letters.items] == [13]
    assert letters.items[0]["error"] == "ValueError"


def test_a_sink_that_is_down_for_a_while_loses_and_doubles_nothing() -> None:
    sink = RecordingCollector(BatchPolicy(count=10))
    faults = [Fail(), Fail(ConnectionResetError("gone")), Half(), Fail(), None, Half(), Fail()]
    faulty = FaultyCollector(sink, faults)
    report = run_virtual(chain(ListSource(range(100)), faulty).run())
    assert sorted(sink.items) == list(range(100))
    assert report.kept == 100
    assert report.collectors["c/last/FaultyCollector"].retries == 6


def test_an_answer_that_got_lost_doubles_the_batch_and_loses_nothing() -> None:
    sink = RecordingCollector(BatchPolicy(count=10))
    report = run_virtual(chain(ListSource(range(20)), FaultyCollector(sink, [Kept()])).run())
    assert sink.items == [*range(10), *range(20)]
    assert report.kept == 20


def test_a_collector_that_stays_down_beyond_its_policy_gives_dead_letters() -> None:
    sink, letters = RecordingCollector(BatchPolicy(count=2)), RecordingCollector()
    faulty = FaultyCollector(sink, [Fail()] * 1000)
    delivery = Delivery(faulty, retry=RetryPolicy(elapsed=10.0), name="down")
    report = run_virtual(chain(ListSource([1, 2]), delivery).run(dead_letters=letters))
    assert [letter["item"] for letter in letters.items] == [1, 2]
    assert report.dead_lettered == 2


def test_a_restart_goes_on_at_the_checkpoint() -> None:
    source = ListSource([*range(50), End(), *range(50, 80)])
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    run_virtual(chain(source, sink).run(checkpoint=checkpoint))
    run_virtual(chain(source, sink).run(checkpoint=checkpoint))
    assert sink.items == list(range(80))
    assert checkpoint.positions[-1] == {"a": 80}


def test_a_source_that_breaks_leaves_a_checkpoint_to_go_on_from() -> None:
    source = ListSource([*range(50), Abort(), *range(50, 80)])
    store: list[Any] = []
    checkpoint = MemoryCheckpoint()
    with pytest.raises(
        FlowFailed,
        match="flow 'a': the source failed after position 50: ConnectionResetError: aborted",
    ):
        run_virtual(chain(source, RecoverableCollector(store)).run(checkpoint=checkpoint))
    run_virtual(chain(source, RecoverableCollector(store)).run(checkpoint=checkpoint))
    assert store == list(range(80))


class Power:
    """Cuts a run off at a random moment, as kill -9 would: nothing is closed or flushed."""

    @staticmethod
    async def cut(pipeline: Pipeline, checkpoint: MemoryCheckpoint, *, after: int) -> bool:
        run = pipeline.start(checkpoint=checkpoint, commit=CommitPolicy(items=7, seconds=0.01))
        task = asyncio.create_task(run.finish())
        for _ in range(after):
            await asyncio.sleep(0)
            if task.done():
                break
        saved = list(checkpoint.saved)
        finished = task.done()
        task.cancel()
        await asyncio.wait([task])
        checkpoint.saved[:] = saved  # what was written while it was being stopped never was
        return finished


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_sink_cut_back_to_the_checkpoint_holds_each_item_once(
    concurrency: int, ordered: bool
) -> None:
    store: list[Any] = []
    checkpoint = MemoryCheckpoint()
    restarts = 0

    def pipeline() -> Pipeline:
        sink = RecoverableCollector(store, batch_policy=BatchPolicy(count=3))
        source = ListSource(range(300), polite=True)
        return chain(source, sink, concurrency=concurrency, ordered=ordered)

    while not run_virtual(Power.cut(pipeline(), checkpoint, after=30 + 37 * restarts % 200)):
        restarts += 1
    assert sorted(store) == list(range(300))
    assert restarts > 3


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("keeps", [lambda item: True, lambda item: item % 3 == 1])
def test_a_sink_that_commits_its_position_holds_each_item_once(keeps: Any, ordered: bool) -> None:
    """Also when the row of the committed position was filtered, and when rows come unordered."""
    store = CommittingCollector.Store()
    checkpoint = MemoryCheckpoint()
    pick = processor(lambda item: item if keeps(item) else None)
    restarts = 0

    def pipeline() -> Pipeline:
        sink = CommittingCollector(store, batch_policy=BatchPolicy(count=3))
        source = ListSource(range(300), polite=True)
        return chain(source, sink, processor=pick, concurrency=4, ordered=ordered)

    while not run_virtual(Power.cut(pipeline(), checkpoint, after=30 + 37 * restarts % 200)):
        restarts += 1
        if restarts % 2:  # the sink had committed, and the checkpoint was not written any more
            del checkpoint.saved[-1:]
    assert sorted(store.items) == [item for item in range(300) if keeps(item)]
    assert restarts > 3


class Picky:
    """A processor that refuses one item until it is told otherwise."""

    def __init__(self) -> None:
        self.refused: int | None = 5

    def __call__(self, item: int) -> int:
        if item == self.refused:
            raise Permanent("not today")
        return item


def test_a_dropped_item_comes_again_though_the_sink_commits_positions() -> None:
    """A sink must not be told a position behind an item that was dropped on its way."""
    store, checkpoint = CommittingCollector.Store(), MemoryCheckpoint()
    picky = Picky()

    def pipeline() -> Pipeline:
        sink = CommittingCollector(store, batch_policy=BatchPolicy(count=1))
        return chain(ListSource(range(10)), sink, processor=processor(picky), on_error="skip")

    run_virtual(pipeline().run(checkpoint=checkpoint, commit=CommitPolicy(items=1)))
    assert 5 not in store.items
    picky.refused = None
    run_virtual(pipeline().run(checkpoint=checkpoint, commit=CommitPolicy(items=1)))
    assert set(store.items) == set(range(10))


def test_a_dropped_item_comes_again_and_a_sink_cut_back_doubles_nothing() -> None:
    """The states of the sinks in the checkpoint stay before the dropped item, too."""
    store: list[Any] = []
    checkpoint = MemoryCheckpoint()
    picky = Picky()

    def pipeline() -> Pipeline:
        sink = RecoverableCollector(store, batch_policy=BatchPolicy(count=1))
        return chain(ListSource(range(10)), sink, processor=processor(picky), on_error="skip")

    run_virtual(pipeline().run(checkpoint=checkpoint, commit=CommitPolicy(items=1)))
    assert 5 not in store
    picky.refused = None
    run_virtual(pipeline().run(checkpoint=checkpoint, commit=CommitPolicy(items=1)))
    assert store == list(range(10))


def test_a_crash_before_the_first_checkpoint_doubles_nothing() -> None:
    store: list[Any] = ["was there before"]
    checkpoint = MemoryCheckpoint()

    async def main() -> None:
        source = ListSource([*range(10), Pause()])
        run = chain(source, RecoverableCollector(store)).start(checkpoint=checkpoint)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(0.5)
        assert len(store) == 11
        saved = list(checkpoint.saved)
        task.cancel()
        await asyncio.wait([task])
        checkpoint.saved[:] = saved

    run_virtual(main())
    assert checkpoint.positions == [{"a": None}]
    run_virtual(
        chain(ListSource(range(1000)), RecoverableCollector(store)).run(checkpoint=checkpoint)
    )
    assert store == ["was there before", *range(1000)]


def test_a_sink_behind_its_checkpoint_is_refused() -> None:
    store, checkpoint = CommittingCollector.Store(), MemoryCheckpoint()
    source = ListSource([*range(10), End(), *range(10, 20)])
    run_virtual(chain(source, CommittingCollector(store)).run(checkpoint=checkpoint))
    store.position = 4  # as if the database had been put back from a backup
    with pytest.raises(
        CheckpointError, match="holds everything up to 4, but the checkpoint stands at 10"
    ):
        run_virtual(chain(source, CommittingCollector(store)).run(checkpoint=checkpoint))


def test_a_sink_that_holds_another_source_is_refused() -> None:
    class Named(ListSource):
        @property
        def position(self) -> Any:
            return f"item {super().position}"

        async def resume(self, position: Any) -> None:
            await super().resume(int(position.split()[1]))

    store, checkpoint = CommittingCollector.Store(), MemoryCheckpoint()
    store.position = "item of something else"
    with pytest.raises(CheckpointError, match="the source ended at 'item 50' without reaching it"):
        run_virtual(
            chain(Named(range(50), polite=True), CommittingCollector(store)).run(
                checkpoint=checkpoint, commit=CommitPolicy(items=1)
            )
        )
    assert checkpoint.positions == []


def test_a_checkpoint_of_another_pipeline_or_source_is_refused_by_name() -> None:
    checkpoint = MemoryCheckpoint()
    run_virtual(chain(ListSource(range(3)), RecordingCollector()).run(checkpoint=checkpoint))
    other = Pipeline(
        Flow(
            "a",
            source=ListSource(range(3)),
            steps=(Step(same, collectors=(RecordingCollector(),)),),
        )
    )
    with pytest.raises(
        CheckpointError, match="another pipeline: only the checkpoint has a/same/first"
    ):
        run_virtual(other.run(checkpoint=checkpoint))
    elsewhere = chain(ListSource(range(3), identity="testnet"), RecordingCollector())
    with pytest.raises(
        CheckpointError, match="was taken from 'list', but flow 'a' now reads 'testnet'"
    ):
        run_virtual(elsewhere.run(checkpoint=checkpoint))


def test_a_checkpoint_that_cannot_be_written_is_tried_again(caplog: Any) -> None:
    sink = RecordingCollector()
    checkpoint = MemoryCheckpoint([Retryable("the disk is full")] * 5)
    run_virtual(chain(ListSource(range(10)), sink).run(checkpoint=checkpoint))
    assert checkpoint.positions[-1] == {"a": 10}
    assert "the disk is full; trying again" in caplog.text


def test_a_checkpoint_that_can_never_be_written_stops_the_run() -> None:
    checkpoint = MemoryCheckpoint([PermissionError("read only")])
    with pytest.raises(
        CheckpointError, match="cannot save the checkpoint in memory: PermissionError: read only"
    ):
        run_virtual(chain(ListSource(range(10)), RecordingCollector()).run(checkpoint=checkpoint))


def test_a_position_that_is_no_json_is_a_clear_error() -> None:
    class Odd(ListSource):
        @property
        def position(self) -> Any:
            return {1, 2}

    with pytest.raises(CheckpointError, match="not JSON serializable"):
        run_virtual(chain(Odd([1]), RecordingCollector()).run(checkpoint=MemoryCheckpoint()))


def test_dead_letters_are_safe_before_the_checkpoint_is() -> None:
    order: list[str] = []

    class Letters(RecoverableCollector):
        async def snapshot(self, position: Any) -> Any:
            order.append("letters")
            return await super().snapshot(position)

    class Ordered(MemoryCheckpoint):
        async def save(self, progress: Any) -> None:
            order.append("checkpoint")
            await super().save(progress)

    pipeline = chain(ListSource(range(10)), RecordingCollector(), processor=fails_at_five)
    run_virtual(pipeline.run(checkpoint=Ordered(), dead_letters=Letters()))
    assert order == ["letters", "checkpoint"]


def test_a_dead_letter_collector_that_is_down_holds_everything_up() -> None:
    letters = RecordingCollector()
    faulty = FaultyCollector(letters, [Fail(), Fail(), Half()])
    pipeline = chain(ListSource(range(10)), RecordingCollector(), processor=fails_at_five)
    report = run_virtual(pipeline.run(dead_letters=faulty))
    assert [letter["item"] for letter in letters.items] == [5]
    assert report.dead_lettered == 1


def test_a_dead_letter_collector_that_fails_for_good_stops_the_pipeline() -> None:
    faulty = FaultyCollector(RecordingCollector(), refuses=lambda letter: True)
    checkpoint = MemoryCheckpoint()
    pipeline = chain(ListSource(range(10)), RecordingCollector(), processor=fails_at_five)
    with pytest.raises(
        FlowFailed,
        match=r"the dead-letter collector failed on the letter for flow 'c', position 6 \(five is too much\)",
    ):
        run_virtual(pipeline.run(dead_letters=faulty, checkpoint=checkpoint))
    assert not checkpoint.positions or checkpoint.positions[-1]["a"] in (None, *range(6))


def test_a_failed_retry_of_half_a_batch_settles_nobody_twice() -> None:
    """The dead letters fail while a batch is being tried again."""

    class Sink(Collector[Any]):
        batch_policy = BatchPolicy(count=4)
        calls = 0

        async def collect(self, batch: Sequence[Any]) -> None:
            self.calls += 1
            if self.calls == 1:
                raise BatchError({0: Retryable("later"), 1: Retryable("later")})
            raise BatchError({1: Permanent("never")})

    letters = FaultyCollector(RecordingCollector(), [Fail(Permanent("not this one"))])
    with pytest.raises(FlowFailed, match="the dead-letter collector failed"):
        run_virtual(chain(ListSource(range(4)), Sink()).run(dead_letters=letters))

"""Order, back-pressure, batches, fairness: how items go through a running pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ekspiper.core import (
    BatchPolicy,
    Collector,
    CommitPolicy,
    Delivery,
    Flow,
    PassThrough,
    Pipeline,
    Processor,
    Queue,
    Step,
    processor,
)
from ekspiper.core.testing import (
    FaultyCollector,
    Hang,
    ListSource,
    Pause,
    RecordingCollector,
    RecordingInstruments,
    RecoverableCollector,
    run_until_idle,
    run_virtual,
)


class Waits(Processor[float, float]):
    """Sleeps as many seconds as the item says."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most = 0

    async def process(self, item: float) -> tuple[float]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(item)
        finally:
            self.at_once -= 1
        return (item,)


def one(source: Any, sink: Any, worker: Any = None, **step: Any) -> Pipeline:
    worker = worker or PassThrough()
    return Pipeline(Flow("a", source=source, steps=(Step(worker, collectors=(sink,), **step),)))


WAITS = [5.0, 1.0, 3.0, 2.0, 4.0, 0.0, 9.0, 0.5]


def test_concurrency_keeps_the_order_and_never_more_at_once() -> None:
    sink, worker = RecordingCollector(), Waits()
    run_virtual(one(WAITS * 5, sink, worker, concurrency=3).run())
    assert sink.items == WAITS * 5
    assert worker.most == 3


def test_unordered_gives_items_as_they_come() -> None:
    sink, worker = RecordingCollector(BatchPolicy(count=1)), Waits()
    run_virtual(one(WAITS, sink, worker, concurrency=8, ordered=False).run())
    assert sink.items == sorted(WAITS)
    assert worker.most == 8


def test_several_at_once_take_less_time() -> None:
    async def timed(**step: Any) -> float:
        began = asyncio.get_running_loop().time()
        await one([1.0] * 100, RecordingCollector(), Waits(), **step).run()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(timed()) == pytest.approx(100, abs=0.1)
    assert run_virtual(timed(concurrency=10)) == pytest.approx(10, abs=0.1)
    assert run_virtual(timed(concurrency=10, ordered=False)) == pytest.approx(10, abs=0.1)


def test_waiting_at_the_head_of_the_line_is_measured() -> None:
    async def main(ordered: bool) -> float:
        pipeline = one(
            [10.0, 1.0, 1.0], RecordingCollector(), Waits(), concurrency=3, ordered=ordered
        )
        run = pipeline.start()
        await run.finish()
        return run.statistics().steps["a/Waits"].head_of_line

    assert run_virtual(main(True)) == pytest.approx(18.0, abs=0.1)
    assert run_virtual(main(False)) == 0.0


@pytest.mark.parametrize("ordered", [True, False])
def test_a_slow_item_holds_a_bounded_number_of_finished_ones(ordered: bool) -> None:
    """Ordered, they wait for it; unordered, for the barrier behind it."""
    sink, worker = RecordingCollector(), Waits()

    async def main() -> int:
        pipeline = one([1000.0] + [0.0] * 10_000, sink, worker, concurrency=4, ordered=ordered)
        run = pipeline.start(commit=CommitPolicy(items=1))
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(500)
        read = run.statistics().sources["a"].read
        await task
        return read

    assert run_virtual(main()) < 200
    assert len(sink.items) == 10_001


@pytest.mark.parametrize("ordered", [True, False])
def test_no_item_passes_a_barrier(ordered: bool) -> None:
    """At every snapshot the sink has what was read up to its position, and nothing else."""
    waits = [float(number * 7 % 11) for number in range(60)]
    seen: list[int] = []

    class Checked(RecoverableCollector):
        async def snapshot(self, position: int) -> Any:
            assert sorted(self.store) == sorted(waits[:position])
            seen.append(position)
            return await super().snapshot(position)

    sink = Checked(batch_policy=BatchPolicy(count=2))
    pipeline = one(waits, sink, Waits(), concurrency=5, ordered=ordered)
    run_virtual(pipeline.run(commit=CommitPolicy(items=3)))
    assert len(seen) >= 20


class Endless(ListSource):
    def __init__(self) -> None:
        super().__init__([])

    async def __aiter__(self) -> AsyncIterator[int]:
        number = 0
        while True:
            number += 1
            self._position = number
            yield number


@pytest.mark.parametrize("step", [{}, {"concurrency": 4}, {"concurrency": 4, "ordered": False}])
def test_a_stopped_sink_stops_the_source(step: Any) -> None:
    """Memory stays bounded: by the queues, and by what is in hand between them."""
    hang = Hang()
    sink = FaultyCollector(RecordingCollector(BatchPolicy(count=10)), [hang])
    first, second = Queue("first", max_items=20), Queue("second", max_items=20)
    pipeline = Pipeline(
        Flow("a", source=Endless(), steps=(Step(PassThrough(), collectors=(first,), **step),)),
        Flow("b", source=first, steps=(Step(PassThrough(), collectors=(second,), **step),)),
        Flow("c", source=second, steps=(Step(PassThrough(), collectors=(sink,), **step),)),
    )

    async def main() -> None:
        run = pipeline.start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(60)
        statistics = run.statistics()
        assert statistics.sources["a"].read < 64 * 6 + 2 * 20 + 3 * 16
        assert 10 < statistics.queues["first"].items <= 20
        assert 10 < statistics.queues["second"].items <= 20
        run.drain()
        hang.until.set()
        report = await task
        assert report.read == report.kept

    run_virtual(main())


def test_a_queue_is_bounded_by_bytes_too() -> None:
    hang = Hang()
    sink = FaultyCollector(RecordingCollector(BatchPolicy(count=1)), [hang])
    queue = Queue("queue", max_bytes=10_000)
    pipeline = Pipeline(
        Flow("a", source=[b"x" * 3_000] * 500, steps=(Step(PassThrough(), collectors=(queue,)),)),
        Flow("b", source=queue, steps=(Step(PassThrough(), collectors=(sink,)),)),
    )

    async def main() -> None:
        run = pipeline.start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(60)
        held = run.statistics().queues["queue"]
        assert (held.items, held.bytes, held.max_bytes) == (3, 9_000, 10_000)
        hang.until.set()
        assert (await task).kept == 500

    run_virtual(main())


def test_an_item_larger_than_every_bound_passes() -> None:
    sink = RecordingCollector(BatchPolicy(bytes=100))
    queue = Queue("queue", max_bytes=100)
    items = [b"x", b"y" * 10_000, b"z"]
    pipeline = Pipeline(
        Flow("a", source=items, steps=(Step(PassThrough(), collectors=(queue,)),)),
        Flow("b", source=queue, steps=(Step(PassThrough(), collectors=(sink,)),)),
    )
    run_virtual(pipeline.run())
    assert sink.batches == [[each] for each in items]


def test_batches_by_count_by_bytes_and_by_period() -> None:
    instruments = RecordingInstruments()
    sink = RecordingCollector(BatchPolicy(count=4, bytes=100, period=2.0))
    source = ListSource([*[b"x"] * 9, Pause(5.0), *[b"y" * 60] * 3, Pause(5.0), b"z" * 300, b"end"])
    run_virtual(one(source, sink).run(instruments=instruments))
    assert [len(batch) for batch in sink.batches] == [4, 4, 1, 1, 1, 1, 1, 1]
    sizes = {
        trigger: instruments.total("ekspiper_batch_items", trigger=trigger)
        for trigger in ("count", "bytes", "period", "barrier", "end")
    }
    assert sizes == {"count": 8, "bytes": 3, "period": 0, "barrier": 2, "end": 1}


def test_a_period_shorter_than_the_commit() -> None:
    sink = RecordingCollector(BatchPolicy(period=0.25))
    times: list[float] = []

    class Timed(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            times.append(asyncio.get_running_loop().time() - 1000)
            await super().collect(batch)

    sink = Timed(BatchPolicy(period=0.25))
    run_virtual(one(ListSource([1, Pause(0.1), 2, Pause(0.6), 3, Pause(5)]), sink).run())
    assert sink.batches == [[1, 2], [3]]
    assert times[0] == pytest.approx(0.25, abs=0.01)
    assert times[1] == pytest.approx(0.95, abs=0.01)


def test_the_flow_s_own_policy_is_stronger_than_the_collector_s() -> None:
    sink = RecordingCollector(BatchPolicy(count=1))
    run_virtual(one(range(10), Delivery(sink, BatchPolicy(count=5))).run())
    assert [len(batch) for batch in sink.batches] == [5, 5]


def test_every_step_gets_every_item_and_a_slow_one_delays_but_loses_nothing() -> None:
    sinks = [RecordingCollector() for _ in range(3)]
    steps = [
        Step(PassThrough(), name="fast", collectors=(sinks[0],)),
        Step(processor(_slowly), name="slow", collectors=(sinks[1],)),
        Step(lambda item: item if item % 2 else None, name="odd", collectors=(sinks[2],)),
    ]
    report = run_virtual(Pipeline(Flow("a", source=range(300), steps=steps)).run())
    assert sinks[0].items == sinks[1].items == list(range(300))
    assert sinks[2].items == list(range(1, 300, 2))
    assert report.kept == 300


async def _slowly(item: int) -> int:
    await asyncio.sleep(0.1)
    return item


def test_a_collector_in_two_places_gets_one_batch_at_a_time() -> None:
    class Exclusive(Collector[Any]):
        batch_policy = BatchPolicy(count=3)

        def __init__(self) -> None:
            self.busy = False
            self.items: list[Any] = []

        async def collect(self, batch: Sequence[Any]) -> None:
            assert not self.busy, "called while a call was going on"
            self.busy = True
            await asyncio.sleep(1)
            self.items += batch
            self.busy = False

    sink = Exclusive()
    flows = [
        Flow(name, source=range(20), steps=(Step(PassThrough(), collectors=(sink,)),))
        for name in "ab"
    ]
    run_virtual(Pipeline(*flows).run())
    assert sorted(sink.items) == sorted([*range(20)] * 2)


def test_outputs_that_are_generated() -> None:
    sink = RecordingCollector()

    @processor
    def twice(item: int) -> Any:
        yield item
        yield -item

    @processor
    async def later(item: int) -> Any:
        yield item
        await asyncio.sleep(1)
        yield item * 10

    steps = [Step(twice, collectors=(sink,)), Step(later, collectors=(Delivery(sink, name="2"),))]
    run_virtual(Pipeline(Flow("a", source=[1, 2], steps=steps)).run())
    assert sorted(sink.items) == [-2, -1, 1, 1, 2, 2, 10, 20]


def test_a_failed_item_leaves_no_output_behind() -> None:
    sink, letters = RecordingCollector(), RecordingCollector()

    @processor
    def half(item: int) -> Any:
        yield item
        if item == 2:
            raise ValueError("in the middle")
        yield item * 10

    run_virtual(one([1, 2, 3], sink, half).run(dead_letters=letters))
    assert sink.items == [1, 10, 3, 30]
    assert [letter["item"] for letter in letters.items] == [2]


def test_a_live_source_is_handed_on_without_waiting_for_more() -> None:
    sink, source = RecordingCollector(BatchPolicy(count=1)), ListSource([1, Pause(), 2])

    async def main() -> None:
        run = one(source, sink).start()
        task = asyncio.create_task(run.finish())
        await run_until_idle()
        assert sink.items == [1]
        run.drain()
        await task

    run_virtual(main())

"""What cannot work is refused when the pipeline is made, or is a clear error when it runs."""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    CheckpointError,
    Collector,
    Delivery,
    EkspiperError,
    Flow,
    FlowFailed,
    PassThrough,
    Permanent,
    Pipeline,
    PipelineError,
    Processor,
    Queue,
    Source,
    Step,
    processor,
)
from ekspiper.core.testing import (
    ListSource,
    MemoryCheckpoint,
    RecordingCollector,
    RecoverableCollector,
    run_virtual,
)


def step(*collectors: Any, **options: Any) -> Step:
    return Step(PassThrough(), collectors=collectors, **options)


def flow(name: str, source: Any, *collectors: Any) -> Flow:
    return Flow(name, source=source, steps=(step(*collectors),))


def sinking(processor: Any, sink: Any = None, **options: Any) -> Pipeline:
    sinks = (sink or RecordingCollector(),)
    return Pipeline(
        Flow("a", source=ListSource([1]), steps=(Step(processor, collectors=sinks, **options),))
    )


class Yields:
    def process(self, item: Any) -> Iterator[Any]:
        yield item


class YieldsAsync:
    async def process(self, item: Any) -> AsyncIterator[Any]:
        yield item


q, other = Queue("q"), Queue("other")
shared = ListSource([])
recoverable = RecoverableCollector()
letters = RecordingCollector()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pipeline(), "a pipeline needs at least one flow"),
        (lambda: Pipeline("a"), "'a' is not a flow; write Pipeline(Flow(...), ...)"),
        (lambda: Pipeline([flow("a", [1])]), "takes its flows one by one, not in a list: Pipeline(*flows)"),
        (lambda: Pipeline(flow("a", [1]), flow("a", [1])), "two flows are called 'a'"),
        (lambda: Pipeline(flow("a", [1], q)), "queue 'q' is filled by a/PassThrough, but no flow reads it"),
        (lambda: Pipeline(flow("a", q)), "queue 'q' is the source of flow 'a', but no flow fills it"),
        (lambda: Pipeline(flow("a", [1], q), flow("b", q), flow("c", q)), "queue 'q' is read by b, c: only one flow can do that"),
        (lambda: Pipeline(flow("a", [1], q), flow("b", [1], q), flow("c", q)), "queue 'q' is filled by a/PassThrough, b/PassThrough"),
        (lambda: Pipeline(flow("a", q, other), flow("b", other, q)), "the queues of a, b form a cycle"),
        (lambda: Pipeline(flow("a", [1], q), flow("b", q), flow("c", other, other)), "the queues of c form a cycle"),
        (lambda: Pipeline(flow("a", [1], q, Queue("q")), flow("b", q)), "two collectors are called 'q'"),
        (lambda: Pipeline(flow("a", shared), flow("b", shared)), "the flows a and b read the same source"),
        (lambda: Pipeline(flow("a", [1], recoverable), flow("b", [1], recoverable)), "stands in a/PassThrough and in b/PassThrough"),
        (lambda: Pipeline(flow("a", [1], Delivery(recoverable, name="1"), Delivery(recoverable, name="2"))), "can stand in only one place"),
        (lambda: Flow("", source=[1], steps=(step(),)), "a flow needs a name"),
        (lambda: Flow("a/b", source=[1], steps=(step(),)), "a flow cannot be called 'a/b'"),
        (lambda: Flow("a", source=[1], steps=()), "flow 'a' has no steps"),
        (lambda: Flow("a", source=[1], steps=(PassThrough(),)), "is not a step; write Step(PassThrough)"),
        (lambda: Flow("a", source=[1], steps=(step(), step())), "two steps are called 'PassThrough'"),
        (lambda: Flow("a", source=7, steps=(step(),)), "flow 'a': 7 is not a source: it cannot be iterated; give a list of items"),
        (lambda: Flow("a", source="text", steps=(step(),)), "'text' would be read letter by letter; give a list: source=[...]"),
        (lambda: Flow("a", source=b"text", steps=(step(),)), "would be read byte by byte"),
        (lambda: Flow("a", source=ListSource, steps=(step(),)), "cannot be iterated; call it"),
        (lambda: Flow("a", source=forever_async, steps=(step(),)), "cannot be iterated; call it"),
        (lambda: Step(7), "7 is not a processor: it is not a function, and has no method"),
        (lambda: Step(PassThrough), "PassThrough is a class; make a processor: Step(PassThrough(...))"),
        (lambda: Step(str), "str is a class; to call it for each item, write Step(lambda item: str(item))"),
        (lambda: Step(Yields()), "`process` yields; it must return its outputs"),
        (lambda: Step(YieldsAsync()), "`process` yields; it must return its outputs"),
        (lambda: step(7), "7 is not a collector: it has no method `async def collect(batch)`"),
        (lambda: step(RecordingCollector), "RecordingCollector is a class; make a collector: RecordingCollector(...)"),
        (lambda: Step(PassThrough(), collectors=RecordingCollector()), "collectors must be a tuple, even with one in it: (RecordingCollector,)"),
        (lambda: step(RecordingCollector(), RecordingCollector()), "two collectors are called 'RecordingCollector'"),
        (lambda: step(concurrency=0), "concurrency must be at least 1, not 0"),
        (lambda: step(max_outputs=0), "max_outputs must be at least 1"),
        (lambda: step(on_error="explode"), "on_error is 'stop', 'dead-letter' or 'skip', not 'explode'"),
        (lambda: step(name="a/b"), "a step cannot be called 'a/b'"),
        (lambda: Queue(""), "a queue needs a name"),
        (lambda: Queue("a/b"), "a queue cannot be called 'a/b'"),
        (lambda: Queue("q", max_items=0), "queue 'q': max_items must be at least 1"),
        (lambda: Queue("q", max_bytes=0), "max_bytes must be at least 1"),
        (lambda: sinking(PassThrough()).start(checkpoint="a.json"), "'a.json' is not a checkpoint; use checkpoint=FileCheckpoint(path)"),
        (lambda: sinking(PassThrough()).start(dead_letters=[]), "[] is not a collector"),
        (lambda: sinking(PassThrough(), on_error="dead-letter").start(), "has no dead-letter collector"),
        (lambda: sinking(PassThrough(), letters).start(dead_letters=letters), "the dead-letter collector also stands in a/PassThrough"),
    ],
)  # fmt: skip
def test_refused_when_it_is_made(make: Any, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


class Returns(Processor[Any, Any]):
    def __init__(self, result: Any) -> None:
        self.result = result

    async def process(self, item: Any) -> Any:
        return self.result


class Gives(Processor[Any, Any]):
    def __init__(self, make: Any) -> None:
        self.make = make

    async def process(self, item: Any) -> Any:
        return self.make()


def forever() -> Iterator[int]:
    yield from itertools.count()


async def forever_async() -> AsyncIterator[int]:
    for number in itertools.count():
        yield number


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("worker", "message"),
    [
        (Returns(None), "the processor returned None: process returns an iterable of outputs"),
        (Returns(7), "the processor returned 7"),
        (Returns("text"), "the processor returned 'text'"),
        (Returns({"a": 1}), "the processor returned {'a': 1}"),
        (Returns([1] * 11), "more than 10 outputs for one item; if that is meant, raise max_outputs"),
        (Gives(forever), "more than 10 outputs for one item"),
        (Gives(forever_async), "more than 10 outputs for one item"),
        (processor(lambda item: 1 / 0), "ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_processor_that_does_the_wrong_thing(worker: Any, message: str, concurrency: int) -> None:
    with pytest.raises(FlowFailed) as caught:
        run_virtual(sinking(worker, name="step", max_outputs=10, concurrency=concurrency).run())
    assert str(caught.value).startswith("flow 'a', step 'step', at position 1: ")
    assert message in str(caught.value)


class PlainProcess:
    def process(self, item: Any) -> list[Any]:
        return [item]


class PlainCollect:
    def __init__(self) -> None:
        self.batches: list[Any] = []

    def collect(self, batch: Sequence[Any]) -> None:
        self.batches.append(batch)


class PlainOpen(RecordingCollector):
    def open(self) -> None:  # type: ignore[override]
        pass


class PlainClose(RecordingCollector):
    def close(self) -> None:  # type: ignore[override]
        pass


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("worker", "sink", "message"),
    [
        (PlainProcess(), None, "the processor 's': `process` is not async; write `async def process`"),
        (PassThrough(), PlainCollect(), "the collector 'PlainCollect': `collect` is not async"),
        (PassThrough(), PlainOpen(), "the collector a/s/PlainOpen: `open` is not async"),
        (PassThrough(), PlainClose(), "the collector a/s/PlainClose: `close` is not async"),
    ],
)  # fmt: skip
def test_what_is_not_async_is_told_so(
    worker: Any, sink: Any, message: str, concurrency: int
) -> None:
    """And it ends the run, as no item is at fault."""
    letters = RecordingCollector()
    sinks = (sink or RecordingCollector(),)
    step = Step(worker, collectors=sinks, name="s", concurrency=concurrency)
    pipeline = Pipeline(Flow("a", source=ListSource([1, 2, 3]), steps=(step,)))
    with pytest.raises(EkspiperError) as caught:
        run_virtual(pipeline.run(dead_letters=letters))
    assert message in str(caught.value)
    assert letters.items == []
    if isinstance(sink, PlainCollect):
        assert len(sink.batches) == 1, "it kept the batch, and gets it no second time"
        sink.batches.clear()


async def test_a_method_that_returns_an_awaitable_is_as_good_as_async() -> None:
    class Hands:
        def process(self, item: Any) -> Any:
            return PassThrough().process(item)

    sink = RecordingCollector()
    await sinking(Hands(), sink).run()
    assert sink.items == [1]


def test_an_error_shows_where_it_was_raised_and_not_our_way_there() -> None:
    def divides(item: int) -> float:
        return 1 / 0

    with pytest.raises(FlowFailed) as caught:
        run_virtual(sinking(divides).run())
    lines = traceback.format_exception(caught.value)
    shown = "".join(lines)
    assert "in divides" in shown
    ours = [
        each
        for each in traceback.extract_tb(caught.value.__traceback__)
        if "ekspiper-core" in each.filename
    ]
    assert len(ours) <= 4
    assert caught.value.__cause__ is not None
    causes = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert [each.name for each in causes] == ["divides"]


class Misbehaving(Collector[Any]):
    batch_policy = BatchPolicy(count=1)

    def __init__(self, result: Any = None, error: Exception | None = None) -> None:
        self.result = result
        self.error = error

    async def collect(self, batch: Sequence[Any]) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        (Misbehaving(result=1), "the collector returned 1: collect returns nothing when"),
        (Misbehaving(result=False), "the collector returned False"),
        (Misbehaving(error=BatchError({})), "a BatchError names which of the members 0 to 0 failed, not []"),
        (Misbehaving(error=BatchError({1: Permanent("x")})), "failed, not [1]"),
        (Misbehaving(error=BatchError({"0": Permanent("x")})), "failed, not ['0']"),  # type: ignore[dict-item]
    ],
)  # fmt: skip
def test_a_collector_that_does_the_wrong_thing(sink: Any, message: str) -> None:
    checkpoint = MemoryCheckpoint()
    with pytest.raises(FlowFailed) as caught:
        run_virtual(
            sinking(PassThrough(), Delivery(sink, name="sink")).run(
                dead_letters=RecordingCollector(), checkpoint=checkpoint
            )
        )
    assert str(caught.value).startswith("flow 'a', step 'PassThrough', collector 'sink'")
    assert message in str(caught.value)
    assert checkpoint.positions == []


def test_a_snapshot_that_says_nothing() -> None:
    class Silent(RecoverableCollector):
        async def snapshot(self, position: Any) -> Any:
            return None

    with pytest.raises(PipelineError, match="a/PassThrough/Silent: snapshot returned None"):
        run_virtual(sinking(PassThrough(), Silent()).run())


class RaisesAtOnce(Source[int]):
    def __aiter__(self) -> Any:
        raise OSError("no network")


class RaisesInPosition(ListSource):
    @property
    def position(self) -> Any:
        raise KeyError("ledger_index")


class NoIterator(Source[int]):
    def __aiter__(self) -> Any:
        return 7


class EndsAtOnce(Source[int]):
    async def __aiter__(self) -> AsyncIterator[int]:
        return
        yield


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (RaisesAtOnce(), "OSError: no network"),
        (RaisesInPosition([1]), "KeyError: 'ledger_index'"),
        (NoIterator(), "TypeError"),
    ],
)
def test_a_source_that_does_the_wrong_thing(source: Any, message: str) -> None:
    with pytest.raises(FlowFailed) as caught:
        run_virtual(Pipeline(flow("a", source, RecordingCollector())).run())
    assert str(caught.value).startswith("flow 'a': the source failed after position None: ")
    assert message in str(caught.value)


def test_a_source_with_nothing_in_it() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    report = run_virtual(Pipeline(flow("a", EndsAtOnce(), sink)).run(checkpoint=checkpoint))
    assert (report.read, sink.items, checkpoint.positions) == (0, [], [])


def test_several_errors_at_once_are_told_as_one() -> None:
    class Both(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            await asyncio.sleep(1)
            raise ValueError("bad")

    sinks = [Delivery(Both(), name=f"sink {number}") for number in range(3)]
    with pytest.raises(
        FlowFailed, match="collector 'sink 0', at position 1: ValueError: bad"
    ) as caught:
        run_virtual(Pipeline(flow("a", [1], *sinks)).run())
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_many_lines_is_told_in_one() -> None:
    with pytest.raises(FlowFailed) as caught:
        run_virtual(sinking(processor(_raise_lines)).run())
    assert str(caught.value).endswith("ValueError: first second")


def _raise_lines(_: Any) -> None:
    raise ValueError("first\nsecond")


def test_a_source_that_cannot_resume_is_a_clear_error() -> None:
    class Plain(Source[int]):
        at = 0

        @property
        def position(self) -> int:
            return self.at

        async def __aiter__(self) -> AsyncIterator[int]:
            self.at = 1
            yield 1

    checkpoint = MemoryCheckpoint()
    run_virtual(Pipeline(flow("a", Plain(), RecordingCollector())).run(checkpoint=checkpoint))
    with pytest.raises(
        CheckpointError, match=r"flow 'a' cannot resume from 1: .*Plain cannot resume"
    ):
        run_virtual(Pipeline(flow("a", Plain(), RecordingCollector())).run(checkpoint=checkpoint))


async def test_sink_that_is_not_as_it_was_left_stops_the_pipeline_at_once() -> None:
    """None of its items is at fault, so that none becomes a dead letter, one after the other."""
    calls = 0

    class Changed(Collector[int]):
        async def collect(self, batch: Sequence[int]) -> None:
            nonlocal calls
            calls += 1
            raise CheckpointError("somebody else wrote to it; start again")

    letters = RecordingCollector()
    flow = Flow("f", source=range(10), steps=(Step(PassThrough(), collectors=(Changed(),)),))
    with pytest.raises(FlowFailed, match="somebody else wrote to it; start again"):
        await Pipeline(flow).run(dead_letters=letters)
    assert calls == 1
    assert letters.items == []


async def test_a_flood_of_dead_letters_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refuse(Processor[int, int]):
        async def process(self, item: int) -> list[int]:
            raise Permanent(f"no {item}")

    letters = RecordingCollector()
    flow = Flow("f", source=ListSource(range(1500)), steps=(Step(Refuse(), name="s"),))
    await Pipeline(flow).run(dead_letters=letters)
    assert len(letters.items) == 1500
    told = [text.removeprefix("flow 'f', step 's': ") for text in caplog.messages]
    assert told[:2] == ["dead letter at 1: no 0", "dead letter at 2: no 1"]
    assert told[19:] == [
        "dead letter at 20: no 19",
        "20 dead letters; more of them are counted, not listed",
        "100 dead letters so far, the last at 100: no 99",
        "1000 dead letters so far, the last at 1000: no 999",
    ]

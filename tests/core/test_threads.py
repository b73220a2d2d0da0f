"""Plain functions that wait by themselves: one by one with a warning, or at once in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from ekspiper.core import Flow, FlowFailed, PassThrough, Pipeline, PipelineError, Step, processor
from ekspiper.core.testing import ListSource, RecordingCollector


def pipeline(step: Step) -> Pipeline:
    return Pipeline(Flow("f", source=ListSource(range(20)), steps=(step,)))


def stepping(function: Any, **options: Any) -> tuple[Pipeline, RecordingCollector]:
    sink = RecordingCollector()
    return pipeline(Step(function, name="s", collectors=(sink,), **options)), sink


@pytest.mark.parametrize("ordered", [True, False])
async def test_as_many_calls_at_once_as_the_step_has_concurrency(ordered: bool) -> None:
    together = threading.Barrier(10, timeout=10)

    def waits_for_nine_others(item: int) -> int:
        together.wait()
        return item

    made, sink = stepping(waits_for_nine_others, threads=True, concurrency=10, ordered=ordered)
    for _ in range(2):  # a pipeline can run again
        await made.run()
        assert sorted(sink.items) == list(range(20))
        if ordered:
            assert sink.items == list(range(20))
        sink.batches.clear()
    for thread in threading.enumerate():
        if thread.name.startswith("waits_for"):
            thread.join(10)
            assert not thread.is_alive(), "a pool outlives its run"


async def test_everything_else_goes_on_meanwhile() -> None:
    go_on = threading.Event()

    def waits(item: int) -> int:
        assert go_on.wait(10)
        return item

    made, sink = stepping(waits, threads=True)
    task = asyncio.create_task(made.run())
    await asyncio.sleep(0.01)
    go_on.set()
    await task
    assert sink.items == list(range(20))


async def test_what_it_yields_and_what_it_raises() -> None:
    def twice(item: int) -> Iterator[int]:
        yield item
        yield item

    made, sink = stepping(twice, threads=True, concurrency=3)
    await made.run()
    assert sink.items[:4] == [0, 0, 1, 1]

    def endless(item: int) -> Iterator[int]:
        while True:
            yield item

    made, _ = stepping(endless, threads=True, max_outputs=10)
    with pytest.raises(FlowFailed, match="more than 10 outputs"):
        await made.run()

    made, _ = stepping(lambda item: 1 // item, threads=True)
    with pytest.raises(FlowFailed, match="'s', at position 1: ZeroDivisionError"):
        await made.run()


async def test_context_variables_reach_the_threads() -> None:
    name: ContextVar[str] = ContextVar("name", default="nobody")
    name.set("somebody")
    made, sink = stepping(lambda item: name.get(), threads=True)
    await made.run()
    assert set(sink.items) == {"somebody"}


async def waits_politely(item: int) -> int:
    return item


@pytest.mark.parametrize("function", [waits_politely, PassThrough(), processor(waits_politely)])
def test_threads_are_for_plain_functions(function: Any) -> None:
    with pytest.raises(PipelineError, match=r"threads=True is for plain functions; .* is async"):
        Step(function, threads=True)


async def test_an_async_function_in_disguise_is_found_when_it_runs() -> None:
    made, _ = stepping(lambda item: waits_politely(item), threads=True)
    with pytest.raises(FlowFailed, match="is async, and needs no threads=True"):
        await made.run()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    ("function", "warned"),
    [
        (lambda item: item, True),
        (lambda item: waits_politely(item), False),
        (waits_politely, False),
        (PassThrough(), False),
    ],
)
async def test_concurrency_that_has_no_effect_is_told_once(
    function: Any, warned: bool, ordered: bool, caplog: pytest.LogCaptureFixture
) -> None:
    made, sink = stepping(function, concurrency=20, ordered=ordered)
    await made.run()
    assert sorted(sink.items) == list(range(20))
    assert len(caplog.messages) == warned
    if warned:
        assert "f/s: concurrency=20 has no effect" in caplog.messages[0]
        assert "threads=True" in caplog.messages[0]


async def test_one_at_a_time_or_in_threads_needs_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await stepping(lambda item: item)[0].run()
    await stepping(lambda item: item, concurrency=20, threads=True)[0].run()
    assert caplog.messages == []

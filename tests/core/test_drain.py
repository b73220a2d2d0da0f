"""How a run ends: drained, stopped, cancelled, or by a component that does not let it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    SIGNALS,
    BatchPolicy,
    Collector,
    CommitPolicy,
    Delivery,
    DrainTimeout,
    EkspiperError,
    Flow,
    FlowFailed,
    PassThrough,
    Pipeline,
    PipelineError,
    Queue,
    RetryPolicy,
    Step,
    Throttled,
)
from ekspiper.core._runner import run as run_module
from ekspiper.core.testing import (
    Fail,
    FaultyCollector,
    Hang,
    ListSource,
    MemoryCheckpoint,
    Pause,
    RecordingCollector,
    Slow,
    run_until_idle,
    run_virtual,
)


def one(source: Any, sink: Any, **step: Any) -> Pipeline:
    return Pipeline(
        Flow("a", source=source, steps=(Step(PassThrough(), collectors=(sink,), **step),))
    )


def test_a_drain_keeps_what_was_read_and_reads_no_more() -> None:
    sink, checkpoint = RecordingCollector(), MemoryCheckpoint()
    source = ListSource([*range(10), Pause(), *range(10, 20)])

    async def main() -> Any:
        run = one(source, sink).start(checkpoint=checkpoint)
        task = asyncio.create_task(run.finish())
        await run_until_idle()
        run.drain()
        run.drain()
        assert run.draining
        return await task

    report = run_virtual(main())
    assert report.drained
    assert sink.items == list(range(10))
    assert checkpoint.positions[-1] == {"a": 10}
    assert (sink.closed, source.closed) == (1, 1)


@pytest.mark.parametrize("step", [{}, {"concurrency": 5}, {"concurrency": 5, "ordered": False}])
def test_a_drain_while_the_source_waits_for_a_full_pipeline(step: Any) -> None:
    sink, checkpoint = RecordingCollector(BatchPolicy(count=1)), MemoryCheckpoint()
    hang = Hang()

    async def main() -> Any:
        hang.until.clear()
        faulty = FaultyCollector(sink, [hang])
        run = one(ListSource(range(100_000)), faulty, **step).start(checkpoint=checkpoint)
        task = asyncio.create_task(run.finish())
        await run_until_idle()
        run.drain()
        await run_until_idle()
        assert not task.done()
        hang.until.set()
        return await task

    report = run_virtual(main())
    assert report.read == report.kept == len(sink.items) < 1000
    assert sorted(sink.items) == list(range(report.read))
    assert checkpoint.positions[-1] == {"a": report.read}


def test_a_drain_that_takes_too_long_is_stopped() -> None:
    checkpoint = MemoryCheckpoint()
    faulty = FaultyCollector(RecordingCollector(BatchPolicy(count=5)), [None, Hang()])

    async def main() -> None:
        run = one(ListSource(range(100)), faulty).start(checkpoint=checkpoint, drain_timeout=9.0)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(5)
        began = asyncio.get_running_loop().time()
        run.drain()
        with pytest.raises(DrainTimeout, match=r"stopped before everything was kept: \d+ items"):
            await task
        assert asyncio.get_running_loop().time() - began == pytest.approx(9.0, abs=0.1)

    run_virtual(main())
    assert checkpoint.positions in ([], [{"a": None}]), "no item behind the hanging batch is kept"


def test_a_stop_interrupts_a_long_wait_at_once() -> None:
    faulty = FaultyCollector(RecordingCollector(), [Fail(Throttled(3600, "busy"))])

    async def main() -> None:
        run = one(ListSource([1]), faulty).start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        assert run.statistics().failing == {"a/PassThrough/FaultyCollector": "busy"}
        began = asyncio.get_running_loop().time()
        run.drain()
        run.stop()
        with pytest.raises(DrainTimeout):
            await task
        assert asyncio.get_running_loop().time() == began

    run_virtual(main())


def test_a_drain_before_the_run_does_nothing_at_all() -> None:
    sink = RecordingCollector()
    run = one(ListSource([1]), sink).start()
    run.drain()
    report = run_virtual(run.finish())
    assert report.drained
    assert (report.read, sink.opened) == (0, 0)


def test_a_drain_while_components_open_closes_them() -> None:
    class Slowly(RecordingCollector):
        async def open(self) -> None:
            await super().open()
            await asyncio.sleep(3600)

    first, second, source = RecordingCollector(), Slowly(), ListSource([1])

    async def main() -> Any:
        pipeline = Pipeline(
            Flow(
                "a",
                source=source,
                steps=(
                    Step(
                        PassThrough(),
                        collectors=(Delivery(first, name="1"), Delivery(second, name="2")),
                    ),
                ),
            )
        )
        run = pipeline.start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        run.drain()
        return await task

    report = run_virtual(main())
    assert report.drained
    assert (first.opened, first.closed) == (1, 1)
    assert (second.opened, second.closed) == (1, 1)
    assert source.opened == 0


def test_a_sink_that_is_not_there_yet_is_waited_for() -> None:
    class Late(RecordingCollector):
        async def open(self) -> None:
            await super().open()
            if self.opened < 4:
                raise ConnectionRefusedError("nobody there")

    sink = Late()
    assert run_virtual(one(ListSource([1]), sink).run()).kept == 1
    assert sink.opened == 4


def test_a_component_that_cannot_open_is_named() -> None:
    class Broken(PassThrough):
        async def open(self) -> None:
            raise ValueError("no such model")

    sink = RecordingCollector()
    pipeline = Pipeline(
        Flow("a", source=ListSource([1]), steps=(Step(Broken(), collectors=(sink,)),))
    )
    with pytest.raises(
        EkspiperError, match=r"^the processor a/Broken did not open: ValueError: no such model$"
    ):
        run_virtual(pipeline.run())
    assert sink.closed == 1


def test_cancelling_the_caller_cancels_the_run_and_closes() -> None:
    sink = RecordingCollector()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await one(ListSource([1, Pause()]), sink).run()

    run_virtual(main())
    assert sink.closed == 1


def test_cancelling_a_draining_run_is_no_success() -> None:
    faulty = FaultyCollector(RecordingCollector(), [Hang()])

    async def main() -> None:
        run = one(ListSource([1]), faulty).start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        run.drain()
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())


def test_a_run_is_used_once() -> None:
    async def main() -> None:
        run = one(ListSource([1]), RecordingCollector()).start()
        await run.finish()
        with pytest.raises(PipelineError, match="started already"):
            await run.finish()

    run_virtual(main())


def test_a_close_that_fails_is_told_when_all_else_went_well() -> None:
    class Broken(RecordingCollector):
        async def close(self) -> None:
            raise OSError("cannot flush")

    source = ListSource([1])
    with pytest.raises(
        EkspiperError,
        match=r"^the collector a/PassThrough/Broken did not close: OSError: cannot flush$",
    ):
        run_virtual(one(source, Broken()).run())
    assert source.closed == 1


def test_a_close_that_fails_does_not_hide_the_error_before_it(caplog: Any) -> None:
    class Broken(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            raise ValueError("bad record")

        async def close(self) -> None:
            raise OSError("cannot flush")

    with pytest.raises(FlowFailed, match="ValueError: bad record"):
        run_virtual(one(ListSource([1]), Broken()).run())
    assert "did not close: OSError: cannot flush" in caplog.text


def test_a_collector_that_hangs_at_close_is_left_after_a_stop(caplog: Any) -> None:
    class Hanging(RecordingCollector):
        async def close(self) -> None:
            await asyncio.sleep(1e9)

    source = ListSource([1, Pause()])

    async def main() -> None:
        run = one(source, Hanging()).start(drain_timeout=10)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        run.drain()
        with pytest.raises(DrainTimeout):
            await task

    run_virtual(main())
    assert source.closed == 1


def test_what_does_not_heed_being_stopped_is_left_alone() -> None:
    class Deaf(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            while not over:
                try:
                    await asyncio.sleep(1e6)
                except asyncio.CancelledError:
                    deaf.append(1)

    over: list[int] = []
    deaf: list[int] = []

    async def main() -> None:
        run = one(ListSource([1]), Deaf()).start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        run.stop()
        with pytest.raises(DrainTimeout, match="a component ignores that it is stopped"):
            await task
        assert asyncio.get_running_loop().time() - began == run_module._GIVE_UP
        over.append(1)
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()
        await run_until_idle()

    run_virtual(main())
    assert deaf


def test_a_source_is_closed_as_an_iterator_too() -> None:
    closed: list[str] = []

    class Careful(ListSource):
        async def __aiter__(self) -> AsyncIterator[Any]:
            try:
                yield 1
                await asyncio.sleep(1e6)
            finally:
                closed.append("iterator")

        async def close(self) -> None:
            closed.append("source")

    async def main() -> None:
        run = one(Careful([]), RecordingCollector()).start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        run.drain()
        await task

    run_virtual(main())
    assert closed == ["iterator", "source"]


def test_a_stopped_run_does_not_wait_for_a_full_disk() -> None:
    class Full(MemoryCheckpoint):
        async def save(self, progress: Any) -> None:
            raise ConnectionError("the disk is full")

    async def main() -> None:
        source = ListSource([*range(10), Pause()])
        run = one(source, RecordingCollector()).start(checkpoint=Full(), drain_timeout=5)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(10)
        run.drain()
        with pytest.raises(DrainTimeout):
            await task

    run_virtual(main())


def test_a_failing_flow_does_not_wait_for_a_full_disk() -> None:
    class Full(MemoryCheckpoint):
        async def save(self, progress: Any) -> None:
            raise ConnectionError("the disk is full")

    faulty = FaultyCollector(
        RecordingCollector(BatchPolicy(count=1)), [Slow(5)], refuses=lambda item: item == 7
    )
    pipeline = one(ListSource(range(10)), faulty)
    with pytest.raises(FlowFailed, match="refuses this record"):
        run_virtual(pipeline.run(checkpoint=Full(), commit=CommitPolicy(items=1)))


class Endless(ListSource):
    """Never waits, never ends."""

    async def __aiter__(self) -> AsyncIterator[int]:
        number = 0
        while True:
            number += 1
            self._position = number
            yield number


class Counting(Collector[Any]):
    batch_policy = BatchPolicy(count=1)

    def __init__(self) -> None:
        self.count = 0

    async def collect(self, batch: Sequence[Any]) -> None:
        self.count += len(batch)


@pytest.mark.parametrize("step", [{}, {"concurrency": 8}, {"concurrency": 8, "ordered": False}])
async def test_nothing_that_never_waits_starves_the_others(step: Any) -> None:
    """Source, processor and collector never await anything, and yet timers and a drain work."""
    sinks = Counting(), Counting()
    middle = Queue("middle")
    pipeline = Pipeline(
        Flow("a", source=Endless([]), steps=(Step(PassThrough(), collectors=(middle,), **step),)),
        Flow("b", source=middle, steps=(Step(PassThrough(), collectors=(sinks[0],), **step),)),
        Flow("c", source=Endless([]), steps=(Step(PassThrough(), collectors=(sinks[1],), **step),)),
    )
    run = pipeline.start()
    task = asyncio.create_task(run.finish())
    longest = 0.0
    loop = asyncio.get_running_loop()
    for _ in range(50):
        began = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - began)
    run.drain()
    report = await asyncio.wait_for(task, 20)
    assert report.drained
    assert min(sink.count for sink in sinks) > 0
    assert longest < 2.0


PROGRAM = """
import asyncio, sys
from ekspiper.core import *
from ekspiper.core.testing import *

async def main():
    mode = sys.argv[1]
    sink = RecordingCollector()
    faults = [Hang()] if mode == "hang" else []
    source = ListSource([1, 2, 3, Pause()])
    pipeline = Pipeline(Flow("a", source=source, steps=(
        Step(PassThrough(), collectors=(FaultyCollector(sink, faults),)),)))
    run = asyncio.create_task(pipeline.run(
        checkpoint=FileCheckpoint(sys.argv[2]), drain_timeout=1000.0))
    if mode == "hang":
        await asyncio.sleep(0.2)
    else:
        await sink.wait_for(3)
    print("running", flush=True)
    try:
        report = await run
    except DrainTimeout as error:
        print(error, flush=True)
        raise SystemExit(1)
    print(report.drained, report.kept, flush=True)

asyncio.run(main())
"""


def signalled(tmp_path: Path, mode: str, *signals: signal.Signals) -> tuple[int, str]:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), mode, str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    for number in signals:
        child.send_signal(number)
        if len(signals) > 1:
            asyncio.run(asyncio.sleep(0.3))  # two signals at once would be one
    output, _ = child.communicate(timeout=30)
    return child.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_and_all_is_well(tmp_path: Path, number: signal.Signals) -> None:
    assert signalled(tmp_path, "well", number) == (0, "True 3\n")
    assert '"position": 3' in (tmp_path / "state").read_text()


def test_the_second_signal_stops_and_nothing_is_falsely_checkpointed(tmp_path: Path) -> None:
    code, output = signalled(tmp_path, "hang", signal.SIGTERM, signal.SIGTERM)
    assert code == 1
    assert "3 items were not stored; they will be read again at the next start" in output
    assert not (tmp_path / "state").exists()


@pytest.fixture
def own_handler() -> Iterator[Any]:
    """A program that handles SIGTERM itself."""

    def handle(number: int, frame: Any) -> None:
        raise AssertionError("not meant for this test")

    before = signal.signal(signal.SIGTERM, handle)
    yield handle
    signal.signal(signal.SIGTERM, before)


class Handlers(RecordingCollector):
    """Looks who handles the signals while the run goes on."""

    async def collect(self, batch: Sequence[Any]) -> None:
        await super().collect([signal.getsignal(number) for number in SIGNALS])


@pytest.mark.parametrize(("signals", "taken"), [(None, (True, False, True)), (True, (True, True, True)), (False, (False, False, False))])  # fmt: skip
def test_handlers_of_the_program_stay_or_come_back(
    own_handler: Any, signals: bool | None, taken: tuple[bool, bool, bool]
) -> None:
    async def main() -> None:
        before = [signal.getsignal(number) for number in SIGNALS]
        sink = Handlers()
        await one([1], sink).run(signals=signals)
        changed = [now is not then for now, then in zip(sink.items, before, strict=True)]
        assert tuple(changed) == taken[: len(SIGNALS)]  # without SIGHUP under nohup
        assert [signal.getsignal(number) for number in SIGNALS] == before

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    asyncio.run(main())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is own_handler


async def test_a_handler_of_the_event_loop_leaves_no_signal_that_nobody_heeds() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)
    await one([1], RecordingCollector()).run(signals=True)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_signals_are_left_alone_by_a_run_in_another_thread() -> None:
    report = await asyncio.to_thread(lambda: asyncio.run(one([1], RecordingCollector()).run()))
    assert report.kept == 1


def test_a_retry_that_gives_up_is_not_forgotten_in_a_drain() -> None:
    letters = RecordingCollector()
    faulty = FaultyCollector(RecordingCollector(), [Fail()] * 100)
    delivery = Delivery(faulty, retry=RetryPolicy(elapsed=5), name="down")

    async def main() -> Any:
        run = one(ListSource([1, Pause()]), delivery).start(dead_letters=letters)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(1)
        run.drain()
        return await task

    report = run_virtual(main())
    assert report.dead_lettered == len(letters.items) == 1

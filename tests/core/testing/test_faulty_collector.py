"""The collectors that fail do so as they are told, and the source obeys its marks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from ekspiper.core import (
    BatchError,
    Encoding,
    Flow,
    PassThrough,
    Permanent,
    Pipeline,
    Recoverable,
    Retryable,
    Step,
)
from ekspiper.core.testing import (
    Abort,
    End,
    Fail,
    FaultyCollector,
    Half,
    Hang,
    Kept,
    ListSource,
    Pause,
    RecordingCollector,
    RecordingInstruments,
    RecoverableCollector,
    Slow,
    run_until_idle,
    run_virtual,
)


async def faulty(*faults: Any, **options: Any) -> tuple[FaultyCollector, RecordingCollector]:
    inner = RecordingCollector()
    return FaultyCollector(inner, faults, **options), inner


async def test_it_fails_then_all_is_well() -> None:
    collector, inner = await faulty(Fail(), Fail(ValueError("x")), None)
    with pytest.raises(Retryable):
        await collector.collect([1])
    with pytest.raises(ValueError, match="x"):
        await collector.collect([1])
    await collector.collect([1])
    await collector.collect([2])
    assert inner.batches == [[1], [2]]
    assert collector.calls == 4


async def test_half_of_a_batch_is_kept() -> None:
    collector, inner = await faulty(Half())
    with pytest.raises(BatchError) as caught:
        await collector.collect([1, 2, 3, 4])
    assert sorted(caught.value.failures) == [2, 3]
    assert inner.items == [1, 2]


async def test_kept_and_yet_failed() -> None:
    collector, inner = await faulty(Kept())
    with pytest.raises(Retryable):
        await collector.collect([1])
    assert inner.items == [1]


async def test_single_records_are_refused() -> None:
    collector, inner = await faulty(refuses=lambda record: record == 2)
    with pytest.raises(BatchError) as caught:
        await collector.collect([1, 2, 3])
    assert isinstance(caught.value.failures[1], Permanent)
    assert inner.items == [1, 3]


def test_slow_and_hanging() -> None:
    async def main() -> None:
        hang = Hang()
        collector, inner = await faulty(Slow(7.0), hang)
        began = asyncio.get_running_loop().time()
        await collector.collect([1])
        assert asyncio.get_running_loop().time() - began == 7.0
        task = asyncio.create_task(collector.collect([2]))
        await run_until_idle()
        assert not task.done()
        hang.until.set()
        await task
        assert inner.items == [1, 2]

    run_virtual(main())


async def read(source: ListSource) -> list[Any]:
    return [item async for item in source]


def test_a_list_source_obeys_its_marks() -> None:
    async def main() -> None:
        source = ListSource([1, 2, End(), 3, Abort(), 4, Pause(5.0), 5])
        await source.open()
        assert await read(source) == [1, 2]
        assert source.position == 2
        await source.open()
        await source.resume(2)
        items = aiter(source)
        assert await anext(items) == 3
        with pytest.raises(ConnectionResetError):
            await anext(items)
        await source.open()
        await source.resume(3)
        began = asyncio.get_running_loop().time()
        assert await read(source) == [4, 5]
        assert asyncio.get_running_loop().time() - began == 5.0

    run_virtual(main())


async def test_waiting_for_a_count() -> None:
    collector = RecordingCollector()
    waiting = asyncio.create_task(collector.wait_for(3))
    await collector.collect([1, 2])
    await asyncio.sleep(0)
    assert not waiting.done()
    await collector.collect([3])
    await waiting
    await collector.wait_for(1)


def test_instruments_refuse_wrong_labels() -> None:
    from ekspiper.core import METRICS

    with pytest.raises(ValueError, match="has the labels"):
        RecordingInstruments().instrument(METRICS["ekspiper_queue_items"], flow="a")


def test_the_kit_needs_nothing_but_the_core() -> None:
    """Importing the core and its testing kit imports neither pytest nor an optional dependency."""
    code = (
        "import sys, ekspiper.core, ekspiper.core.testing; "
        "print([name for name in ('pytest', 'opentelemetry', 'hypothesis') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert output.stdout == "[]\n"


async def test_it_can_do_what_the_other_can() -> None:
    class Bytes(RecordingCollector):
        def encode(self, item: int) -> bytes:
            return str(item).encode()

        def decode(self, encoded: bytes) -> int:
            return int(encoded)

        async def collect_encoded(self, batch: Sequence[bytes]) -> None:
            await self.collect(batch)

    assert not isinstance(FaultyCollector(RecordingCollector()), Recoverable | Encoding)
    assert isinstance(FaultyCollector(RecoverableCollector()), Recoverable)
    inner = Bytes()
    sink = FaultyCollector(inner, [Fail(), Half()], refuses=lambda item: item == 7)
    assert isinstance(sink, Encoding)
    letters = RecordingCollector()
    flow = Flow("f", source=ListSource(range(10)), steps=(Step(PassThrough(), collectors=(sink,)),))
    await Pipeline(flow).run(dead_letters=letters)
    assert sorted(inner.items) == [str(n).encode() for n in range(10) if n != 7]
    assert [letter["item"] for letter in letters.items] == [7]
    assert sink.calls == 3

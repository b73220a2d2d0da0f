"""Blocks: what travels as one arrives, counts and fails as if each item had travelled alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    Block,
    Collector,
    Delivery,
    Flow,
    JsonLine,
    LineBlock,
    Permanent,
    Pipeline,
    Processor,
    Queue,
    Receipts,
    Retryable,
    RetryPolicy,
    Step,
)
from ekspiper.core._runner.blocks import BlockChannel
from ekspiper.core.testing import RecordingCollector

SIZES = [3, 0, 1, 4, 2, 5]


class Numbers(Block):
    """Some numbers."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(len(numbers), 8 * len(numbers))
        self.numbers = numbers

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers)


class Split(Processor[Sequence[int], int]):
    """Numbers that come together, one by one or as a block."""

    takes_blocks = False

    async def process(self, item: Sequence[int]) -> Sequence[int]:
        return item

    def to_block(self, item: Sequence[int]) -> Numbers:
        return Numbers(item)


class Records(Processor[int, Any]):
    """Makes records; no line of multiples of `unusual`, and nothing of multiples of `wrong`."""

    takes_blocks = True

    def __init__(self, *, unusual: int = 0, wrong: int = 0, broken: bool = False) -> None:
        self.unusual = unusual
        self.wrong = wrong
        self.broken = broken
        self.blocks = 0

    def fits(self, number: int) -> bool:
        if self.wrong and number % self.wrong == 0:
            return False
        return not (self.unusual and number % self.unusual == 0)

    async def process(self, item: int) -> tuple[Any]:
        if self.wrong and item % self.wrong == 0:
            raise Permanent(f"{item} is wrong")
        return ({"n": item},)

    async def process_to_lines(self, item: int) -> tuple[Any]:
        return (JsonLine(line(item)),) if self.fits(item) else await self.process(item)

    def to_block(self, item: Any) -> LineBlock | None:
        if self.broken:
            raise RuntimeError("a mistake in here")
        if not isinstance(item, Numbers) or not all(map(self.fits, item)):
            return None
        self.blocks += 1
        return LineBlock(b"".join(map(line, item)), len(item))


class SlowRecords(Records):
    """The same, and waits for what it makes: blocks that came later may be done earlier."""

    def __init__(self, *, busy: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.busy = busy

    async def process_to_block(self, item: Any) -> LineBlock | None:
        members = item if isinstance(item, Numbers) else (item,)
        for _ in range(sum(members) % 7):
            await asyncio.sleep(0)
        if any(self.wrong and number % self.wrong == 0 for number in members):
            raise Permanent("one of them is wrong")
        if any(self.busy and number % self.busy == 0 for number in members):
            raise Retryable("the first time")
        return self.to_block(item)


def line(number: int) -> bytes:
    return json.dumps({"n": number}).encode() + b"\n"


class Sink(Collector[Any]):
    """Keeps records however they come; fails on some of them, once or for good."""

    def __init__(
        self,
        *,
        takes_lines: bool = True,
        takes_blocks: bool = True,
        refused: int = 0,
        names_them: bool = False,
        busy_at: int = 0,
    ) -> None:
        self.takes_lines = takes_lines
        self.takes_blocks = takes_blocks
        self.refused = refused
        self.names_them = names_them
        self.busy_at = busy_at
        self.calls = 0
        self.kept: list[int] = []
        self.kinds: set[str] = set()

    async def collect(self, batch: Sequence[Any]) -> None:
        self.calls += 1
        if self.busy_at and self.calls % self.busy_at == 0:
            raise Retryable("busy")
        self.kinds |= {type(one).__name__ for one in batch}
        found = [self._numbers(one) for one in batch]
        bad = {
            place: Permanent("not this one")
            for place, numbers in enumerate(found)
            if self.refused and any(number % self.refused == 0 for number in numbers)
        }
        if bad and not self.names_them:
            raise Permanent("not this one")
        for place, numbers in enumerate(found):
            if place not in bad:
                self.kept += numbers
        if bad:
            raise BatchError(bad)

    def _numbers(self, item: Any) -> list[int]:
        if isinstance(item, LineBlock):
            assert self.takes_blocks
            return [json.loads(one)["n"] for one in item.split()]
        if isinstance(item, JsonLine):
            assert self.takes_lines
            item = item.value
        if isinstance(item, bytes):
            item = json.loads(item)
        return [item["n"]]


class EncodingSink(Sink):
    """The same, encoded as soon as they are made."""

    def encode(self, item: Any) -> bytes:
        record = item.value if isinstance(item, JsonLine) else item
        if self.refused and record["n"] % (2 * self.refused) == 0:
            raise Permanent("no word for it")
        return json.dumps(record).encode() + b"\n"

    def decode(self, encoded: bytes) -> Any:
        return json.loads(encoded)

    async def collect_encoded(self, batch: Sequence[Any]) -> None:
        await self.collect(batch)


@dataclass
class Made:
    """A pipeline of three flows, and everything that is seen of it."""

    sizes: Sequence[int]
    sinks: Sequence[Sink]
    etl: Records = field(default_factory=Records)
    split: Split = field(default_factory=Split)
    count: int = 500
    max_items: int = 1000
    max_outputs: int = 100
    concurrency: int = 1
    retry: RetryPolicy = field(default=RetryPolicy(first=0.0, elapsed=None))
    behind: RecordingCollector = field(default_factory=RecordingCollector)
    letters: RecordingCollector = field(default_factory=RecordingCollector)

    async def run(self) -> Any:
        numbers = iter(range(1, 10_000))
        items = [tuple(next(numbers) for _ in range(size)) for size in self.sizes]
        singles, records = Queue("singles", max_items=self.max_items), Queue("records")
        deliveries = [
            Delivery(
                sink,
                BatchPolicy(count=self.count, period=0.0),
                name=f"sink-{at}",
                retry=self.retry,
            )
            for at, sink in enumerate(self.sinks)
        ]
        pipeline = Pipeline(
            Flow(
                "split",
                source=items,
                steps=(Step(self.split, name="Split", collectors=(singles,)),),
            ),
            Flow(
                "etl",
                source=singles,
                steps=(
                    Step(
                        self.etl,
                        name="etl",
                        collectors=(*deliveries, records),
                        max_outputs=self.max_outputs,
                        concurrency=self.concurrency,
                    ),
                ),
            ),
            Flow("behind", source=records, steps=(Step(same, collectors=(self.behind,)),)),
        )
        async with asyncio.timeout(20):
            return await pipeline.run(dead_letters=self.letters)


def same(item: Any) -> Any:
    return item


async def test_blocks_arrive_whole_and_count_as_their_items() -> None:
    made = Made(SIZES, [Sink(), EncodingSink(), Sink(takes_blocks=False)])
    report = await made.run()
    everything = list(range(1, sum(SIZES) + 1))
    assert [sink.kept for sink in made.sinks] == [everything] * 3
    assert [sink.kinds for sink in made.sinks[:2]] == [{"LineBlock"}] * 2
    assert made.sinks[2].kinds == {"JsonLine"}
    assert [one["n"] for one in made.behind.items] == everything
    assert made.etl.blocks == len(SIZES) - 1  # one of them is empty
    assert report.kept == len(SIZES)
    assert report.steps["etl/etl"].items_in == report.steps["etl/etl"].items_out == sum(SIZES)
    assert report.steps["split/Split"].items_out == sum(SIZES)
    assert {one.items for one in report.collectors.values()} == {sum(SIZES)}


async def test_without_anybody_who_takes_blocks_none_are_made() -> None:
    made = Made(SIZES, [Sink(takes_blocks=False)])
    await made.run()
    assert made.etl.blocks == 0
    assert made.sinks[0].kept == list(range(1, sum(SIZES) + 1))


async def test_a_batch_has_no_more_records_than_it_may_have() -> None:
    most = 0

    class Counting(Sink):
        async def collect(self, batch: Sequence[Any]) -> None:
            nonlocal most
            await super().collect(batch)
            most = max(most, sum(len(one) if isinstance(one, LineBlock) else 1 for one in batch))

    made = Made([3, 3, 9, 1, 4], [Counting()], count=4)
    await made.run()
    assert most == 4
    assert made.sinks[0].kept == list(range(1, 21))


async def test_a_step_gives_no_more_outputs_than_it_may_in_a_block_either() -> None:
    made = Made(SIZES, [Sink()], max_outputs=2)
    await made.run()
    assert made.sinks[0].kept == list(range(1, sum(SIZES) + 1))
    assert made.sinks[0].kinds == {"LineBlock", "JsonLine"}


async def test_a_mistake_in_to_block_costs_time_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Made(SIZES, [Sink()], Records(broken=True))
    await made.run()
    assert made.sinks[0].kept == list(range(1, sum(SIZES) + 1))
    assert [record.message for record in caplog.records] == [
        "etl/etl: no block could be made: RuntimeError: a mistake in here"
    ]


async def test_a_block_that_cannot_be_taken_apart_fails_as_a_whole() -> None:
    class Torn(Numbers):
        def __iter__(self) -> Iterator[int]:
            raise ValueError("torn")

    class Tears(Split):
        def to_block(self, item: Sequence[int]) -> Numbers:
            return Torn(item) if len(item) == 4 else Numbers(item)

    made = Made(SIZES, [Sink()], Records(unusual=2))
    made.split = Tears()
    report = await made.run()
    assert made.sinks[0].kept == [1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15]
    assert [letter["message"] for letter in made.letters.items] == ["torn"]
    assert report.dead_lettered == 1


async def test_blocks_that_are_waited_for_arrive_in_order() -> None:
    made = Made(SIZES, [Sink()], SlowRecords(busy=7), concurrency=4)
    report = await made.run()
    assert made.sinks[0].kept == list(range(1, sum(SIZES) + 1))
    assert made.sinks[0].kinds == {"LineBlock", "JsonLine"}
    assert report.steps["etl/etl"].retries == 2  # the blocks with 7 and 14
    assert report.steps["etl/etl"].items_in == report.steps["etl/etl"].items_out == sum(SIZES)


async def test_a_mistake_in_process_to_block_costs_time_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Made(SIZES, [Sink()], SlowRecords(broken=True), concurrency=2)
    await made.run()
    assert made.sinks[0].kept == list(range(1, sum(SIZES) + 1))
    assert [record.message for record in caplog.records] == [
        "etl/etl: no block could be made: RuntimeError: a mistake in here"
    ]


@pytest.mark.parametrize("kind", [Sink, EncodingSink])
async def test_what_is_given_up_is_a_dead_letter_for_each_record(kind: type[Sink]) -> None:
    made = Made(SIZES, [kind(busy_at=1)], retry=RetryPolicy(first=0.0, elapsed=0.0))
    report = await made.run()
    assert made.sinks[0].kept == []
    assert [letter["item"]["n"] for letter in made.letters.items] == list(range(1, 16))
    assert report.dead_lettered == len(SIZES) - 1  # one of them is empty


sinks = st.builds(
    lambda kind, **options: kind(**options),
    st.sampled_from([Sink, EncodingSink]),
    takes_lines=st.just(True),
    takes_blocks=st.booleans(),
    refused=st.sampled_from([0, 3, 7]),
    names_them=st.booleans(),
    busy_at=st.sampled_from([0, 2, 3]),
)


@given(
    sizes=st.lists(st.integers(0, 6), max_size=12),
    made_of=st.lists(sinks, min_size=1, max_size=3),
    unusual=st.sampled_from([0, 2, 5]),
    wrong=st.sampled_from([0, 4, 11]),
    count=st.sampled_from([1, 2, 5, 500]),
    max_items=st.sampled_from([1, 4, 1000]),
    concurrency=st.sampled_from([0, 1, 3]),
)
@settings(max_examples=80, deadline=None)
def test_whatever_fails_fails_as_if_each_item_had_come_alone(
    sizes: list[int],
    made_of: list[Sink],
    unusual: int,
    wrong: int,
    count: int,
    max_items: int,
    concurrency: int,
) -> None:
    """With a concurrency of 0 the blocks are made without waiting."""
    seen = []
    for takes_blocks in (True, False):
        copies = [
            type(sink)(
                takes_blocks=takes_blocks and sink.takes_blocks,
                refused=sink.refused,
                names_them=sink.names_them,
                busy_at=sink.busy_at,
            )
            for sink in made_of
        ]
        kind = SlowRecords if concurrency else Records
        made = Made(sizes, copies, kind(unusual=unusual, wrong=wrong))
        made.count, made.max_items = count, max_items
        made.concurrency = max(concurrency, 1)
        report = asyncio.run(made.run())
        # A block that is refused comes again behind the others of its batch, where they are named.
        in_order = [sorted(one.kept) if one.names_them else one.kept for one in copies]
        letters = sorted(
            json.dumps({name: letter[name] for name in ("step", "collector", "message", "item")})
            for letter in made.letters.items
        )
        steps = {
            place: (one.items_in, one.items_out, one.dead_letters)
            for place, one in report.steps.items()
        }
        collectors = {
            place: (one.items, one.dead_letters) for place, one in report.collectors.items()
        }
        seen.append((in_order, letters, steps, collectors, made.behind.items, report.sources))
    assert seen[0] == seen[1]


class TestChannel:
    def channel(self, *, max_items: int = 10) -> BlockChannel:
        return BlockChannel("c", max_items=max_items, max_bytes=1000)

    def test_a_block_counts_as_its_items(self) -> None:
        link, receipt = self.channel(), Receipts().issue(None)
        assert link.offer(Numbers(range(4)), receipt)
        assert link.offer(7, receipt)
        assert link.statistics().items == 5
        assert not link.offer(Numbers(range(6)), receipt)
        assert link.offer(Numbers(range(5)), receipt)
        assert [len(link.take(1)) for _ in range(2)] == [1, 1]
        assert link.statistics().items == 5
        assert link.take(9)
        assert link.statistics().items == link.statistics().bytes == 0

    def test_one_that_is_too_large_passes_alone(self) -> None:
        link, receipt = self.channel(max_items=3), Receipts().issue(None)
        assert link.offer(Numbers(range(5)), receipt)
        assert not link.offer(1, receipt)
        assert link.take(1)
        assert link.offer(1, receipt)

    def test_blocks_that_are_not_taken_come_apart(self) -> None:
        of_lines = BlockChannel("c", max_items=10, max_bytes=1000, lines=True, most=2)
        numbers, block = Numbers(range(3)), LineBlock(line(1) + line(2) + line(3), 3)
        assert self.channel().parts_of(numbers) == (numbers,)
        assert self.channel().parts_of(block) == [{"n": 1}, {"n": 2}, {"n": 3}]
        assert of_lines.parts_of(numbers) == [0, 1, 2]
        assert [one.lines for one in of_lines.parts_of(block)] == [line(1) + line(2), line(3)]

    async def test_those_who_take_one_after_another_count_the_same(self) -> None:
        link, receipt = self.channel(), Receipts().issue(None)
        assert link.offer(Numbers(range(4)), receipt)
        assert link.offer(7, receipt)
        assert len((await link.pop())[0]) == 4
        assert link.statistics().items == 1
        assert (await link.pop())[0] == 7
        assert link.statistics().items == link.statistics().bytes == 0

    async def test_a_writer_goes_on_when_it_is_half_empty(self) -> None:
        link, receipt = self.channel(), Receipts().issue(None)
        for _ in range(2):
            assert link.offer(Numbers(range(5)), receipt)
        writer = asyncio.create_task(link.put(Numbers(range(5)), receipt))
        await asyncio.sleep(0)
        assert len(link) == 10
        assert len(link.take(1)) == 1
        await asyncio.wait_for(writer, 5)
        assert len(link) == 10


def test_a_block_of_lines_in_pieces() -> None:
    block = LineBlock(b"".join(map(line, range(5))), 5)
    assert [one.line for one in block] == list(map(line, range(5)))
    assert [(len(one), one.lines) for one in block.pieces(2)] == [
        (2, line(0) + line(1)),
        (2, line(2) + line(3)),
        (1, line(4)),
    ]
    assert block.pieces(5) == (block,)

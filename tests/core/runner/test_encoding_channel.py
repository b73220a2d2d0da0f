"""Collectors that have their items encoded: at once, once, and none lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ekspiper.core import BatchPolicy, Collector, Delivery, Flow, Permanent, Pipeline, Step
from ekspiper.core._runner.channel import EncodingChannel, Refused
from ekspiper.core._runner.receipt import Receipt, Receipts
from ekspiper.core.testing import RecordingCollector, run_until_idle, run_virtual


class Digits(Collector[int]):
    """Keeps numbers as text; refuses multiples of `unwritable`, and `unwanted` when they come."""

    def __init__(self, *, unwritable: int = 0, unwanted: int | None = None) -> None:
        self.kept: list[bytes] = []
        self.encoded: list[int] = []
        self.decoded: list[int] = []
        self.unwritable = unwritable
        self.unwanted = unwanted
        self.room = asyncio.Event()
        self.room.set()

    async def collect(self, batch: Sequence[int]) -> None:
        raise AssertionError("items come encoded")

    def encode(self, item: int) -> bytes:
        self.encoded.append(item)
        if self.unwritable and item % self.unwritable == 0:
            raise Permanent("no word for it")
        return b"%d" % item

    def decode(self, encoded: bytes) -> int:
        self.decoded.append(int(encoded))
        return int(encoded)

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        await self.room.wait()
        if self.unwanted is not None and b"%d" % self.unwanted in batch:
            raise Permanent("not wanted")
        self.kept += batch


def pipeline(sink: Digits, items: int, **batch: Any) -> Pipeline:
    delivery = Delivery(sink, BatchPolicy(**batch)) if batch else Delivery(sink)
    return Pipeline(Flow("f", source=range(items), steps=(Step(_same, collectors=(delivery,)),)))


def _same(item: int) -> int:
    return item


@pytest.mark.parametrize("batch", [{}, {"count": 1}, {"count": 7}])
async def test_each_item_is_encoded_once_and_kept_in_order(batch: dict[str, int]) -> None:
    sink = Digits()
    report = await pipeline(sink, 500, **batch).run()
    assert sink.kept == [b"%d" % number for number in range(500)]
    assert sink.encoded == list(range(500))
    assert sink.decoded == []
    assert report.collectors["f/_same/Digits"].bytes == sum(map(len, sink.kept))


@pytest.mark.parametrize("batch", [{}, {"count": 1}])
async def test_item_that_cannot_be_encoded_is_a_dead_letter_as_it_was(
    batch: dict[str, int],
) -> None:
    sink, letters = Digits(unwritable=100), RecordingCollector()
    report = await pipeline(sink, 300, **batch).run(dead_letters=letters)
    assert [letter["item"] for letter in letters.items] == [0, 100, 200]
    assert {letter["collector"] for letter in letters.items} == {"Digits"}
    assert {letter["message"] for letter in letters.items} == {"no word for it"}
    assert sink.kept == [b"%d" % number for number in range(300) if number % 100]
    assert sink.encoded == list(range(300))
    assert report.collectors["f/_same/Digits"].dead_letters == 3


@pytest.mark.parametrize("batch", [{}, {"count": 1}])
async def test_item_that_is_refused_later_is_decoded_for_its_dead_letter(
    batch: dict[str, int],
) -> None:
    sink, letters = Digits(unwanted=42), RecordingCollector()
    await pipeline(sink, 100, **batch).run(dead_letters=letters)
    assert [letter["item"] for letter in letters.items] == [42]
    assert sink.kept == [b"%d" % number for number in range(100) if number != 42]
    assert sink.decoded == [42]


async def test_collector_in_two_places_gets_both_encoded() -> None:
    sink = Digits()
    steps = tuple(Step(_same, name=name, collectors=(sink,)) for name in "ab")
    await Pipeline(Flow("f", source=range(100), steps=steps)).run()
    assert sorted(sink.kept) == sorted([b"%d" % number for number in range(100)] * 2)


def test_a_sink_that_hangs_stops_the_source() -> None:
    async def hang() -> None:
        sink = Digits()
        sink.room.clear()
        run = pipeline(sink, 10_000, count=10).start()
        await run_until_idle()
        assert len(sink.encoded) < 500
        sink.room.set()
        await run.finish()
        assert len(sink.kept) == len(sink.encoded) == 10_000

    run_virtual(hang())


class TestChannel:
    @pytest.fixture
    def receipt(self) -> Receipt:
        receipts = Receipts()
        return receipts.issue(None)

    def channel(self, **bounds: int) -> EncodingChannel:
        self.encoded: list[Any] = []

        def encode(item: str) -> bytes:
            self.encoded.append(item)
            return item.encode("ascii")

        return EncodingChannel("c", **{"max_items": 3, "max_bytes": 10, **bounds}, encode=encode)

    def test_nothing_is_encoded_for_which_there_is_no_room(self, receipt: Receipt) -> None:
        by_items, by_bytes = self.channel(max_bytes=1000), self.channel(max_items=1000)
        assert [by_items.offer("x" * 6, receipt) for _ in range(4)] == [True, True, True, False]
        self.encoded.clear()
        assert [by_bytes.offer("x" * 6, receipt) for _ in range(4)] == [True, True, False, False]
        assert by_bytes.statistics().bytes == 12  # the last one reaches beyond

    def test_it_counts_exactly(self, receipt: Receipt) -> None:
        link = self.channel(max_items=100, max_bytes=1000)
        for size in (1, 10, 100):
            assert link.offer("x" * size, receipt)
        assert link.statistics().bytes == 111
        link.take(2)
        assert link.statistics().bytes == 100

    def test_what_cannot_be_encoded_crosses_as_it_is(self, receipt: Receipt) -> None:
        link = self.channel()
        assert link.offer("é", receipt)
        ((entry, _, size),) = link.take(1)
        assert type(entry) is Refused
        assert entry.item == "é"
        assert isinstance(entry.error, UnicodeEncodeError)
        assert size > 0

"""Records as lines: those who take lines get them, everybody else gets the records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ekspiper.core import BatchError, Flow, JsonLine, Permanent, Pipeline, Processor, Queue, Step
from ekspiper.core._runner.measure import Measure
from ekspiper.core.testing import RecordingCollector


class Lines(Processor[int, Any]):
    """Gives lines where they are taken; a third of them as a record, as some have no line."""

    def __init__(self) -> None:
        self.made = 0

    async def process(self, item: int) -> tuple[Any]:
        return ({"number": item},)

    async def process_to_lines(self, item: int) -> tuple[Any]:
        self.made += 1
        record = {"number": item}
        return (JsonLine(json.dumps(record).encode() + b"\n") if item % 3 else record,)


class LineSink(RecordingCollector):
    """Keeps lines, and refuses one of them when it comes."""

    takes_lines = True

    def __init__(self, refused: int | None = None) -> None:
        super().__init__()
        self.refused = refused

    def encode(self, item: Any) -> bytes:
        if isinstance(item, JsonLine):
            if self.refused is not None and f" {self.refused}}}".encode() in item.line:
                raise Permanent("not this one")
            return item.line
        return json.dumps(item).encode() + b"\n"

    def decode(self, encoded: bytes) -> Any:
        return json.loads(encoded)

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        await self.collect(batch)


NUMBERS = range(1, 30)
RECORDS = [{"number": number} for number in NUMBERS]


async def test_a_collector_of_lines_gets_lines_and_the_others_records() -> None:
    lines, records, behind, makes = LineSink(), RecordingCollector(), RecordingCollector(), Lines()
    queue = Queue("behind")
    pipeline = Pipeline(
        Flow("lines", source=NUMBERS, steps=(Step(makes, collectors=(lines, records, queue)),)),
        Flow("behind", source=queue, steps=(Step(lambda record: record, collectors=(behind,)),)),
    )
    report = await pipeline.run()
    assert report.kept == len(NUMBERS)
    assert makes.made == len(NUMBERS)
    assert [json.loads(line) for line in lines.items] == RECORDS
    assert records.items == RECORDS
    assert all(type(record) is dict for record in records.items)
    assert behind.items == RECORDS


async def test_nobody_who_takes_lines_means_that_none_are_made() -> None:
    records, makes = RecordingCollector(), Lines()
    await Pipeline(
        Flow("records", source=NUMBERS, steps=(Step(makes, collectors=(records,)),))
    ).run()
    assert makes.made == 0
    assert records.items == RECORDS


async def test_a_full_channel_gets_every_record_in_order() -> None:
    slow, lines = RecordingCollector(), LineSink()
    queue = Queue("narrow", max_items=1)
    await Pipeline(
        Flow("lines", source=range(500), steps=(Step(Lines(), collectors=(queue, lines)),)),
        Flow("slow", source=queue, steps=(Step(lambda record: record, collectors=(slow,)),)),
    ).run()
    assert slow.items == [{"number": number} for number in range(500)]


async def test_a_line_that_is_refused_is_a_record_in_its_dead_letter() -> None:
    sink, letters = LineSink(refused=7), RecordingCollector()
    await Pipeline(Flow("lines", source=NUMBERS, steps=(Step(Lines(), collectors=(sink,)),))).run(
        dead_letters=letters
    )
    (letter,) = letters.items
    assert letter["item"] == {"number": 7}
    assert len(sink.items) == len(NUMBERS) - 1


class PlainLineSink(RecordingCollector):
    """Takes lines as they are, and refuses one of them when it is to be kept."""

    takes_lines = True

    async def collect(self, batch: Sequence[Any]) -> None:
        refused = {at for at, item in enumerate(batch) if b" 7}" in getattr(item, "line", b"")}
        await super().collect([item for at, item in enumerate(batch) if at not in refused])
        if refused:
            raise BatchError(dict.fromkeys(refused, Permanent("not this one")))


async def test_a_collector_that_does_not_encode_gets_lines_as_items() -> None:
    sink, letters = PlainLineSink(), RecordingCollector()
    await Pipeline(Flow("lines", source=NUMBERS, steps=(Step(Lines(), collectors=(sink,)),))).run(
        dead_letters=letters
    )
    assert [type(item) for item in sink.items[:3]] == [JsonLine, JsonLine, dict]
    found = [item.value if isinstance(item, JsonLine) else item for item in sink.items]
    assert found == [record for record in RECORDS if record["number"] != 7]
    (letter,) = letters.items
    assert letter["item"] == {"number": 7}


def test_a_queue_counts_a_line_by_its_length() -> None:
    line = JsonLine(b'{"number": 1}\n')
    assert Measure()(line) == len(line.line)
    assert line._value is None


def test_a_line_has_no_columns_unless_its_kind_knows_better() -> None:
    assert JsonLine.column_reader(None) is None

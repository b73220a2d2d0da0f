"""Records that come as lines: the dataset is the one that the records themselves would make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ekspiper.core import BatchError, JsonLine, LineBlock, Permanent
from ekspiper.sinks.parquet import OneFile, Parquet, read_records
from tests.sinks.lines import ODD, Columns, CountedLine
from tests.sinks.lines import line as line_of

SCHEMA = pa.schema(
    [
        ("ledger_index", pa.int64()),
        ("hash", pa.string()),
        ("meta", pa.struct([("nodes", pa.list_(pa.string()))])),
        pa.field("any", pa.string(), metadata={b"ekspiper": b"json"}),
    ]
)


class ParquetColumns(Columns):
    """With JSON text where the schema says so, and blocks of lines read at once."""

    def fits(self, record: dict[str, Any]) -> bool:
        return record.keys() <= set(self.schema.names) and super().fits(record)

    def row(self, record: dict[str, Any]) -> dict[str, Any]:
        if "any" in record and pa.types.is_string(self.schema.field("any").type):
            record["any"] = json.dumps(record["any"], separators=(",", ":"))
        return record

    def read_blocks(self, blocks: Sequence[bytes]) -> Any | None:
        rows, unfit = self.read(b"".join(blocks).splitlines(keepends=True))
        return None if unfit else rows


class Line(CountedLine):
    columns = ParquetColumns


@pytest.fixture(autouse=True)
def nothing_parsed() -> None:
    CountedLine.parsed = 0


def line(record: dict[str, Any], kind: type[JsonLine] = Line) -> JsonLine:
    return line_of(record, kind)


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "ledger_index": number,
        "hash": f"{number:064X}",
        "meta": {"nodes": ["a", str(number)]},
        "any": {"n": number},
        **more,
    }


async def written(path: Path, *batches: Sequence[Any], **options: Any) -> Path:
    async with Parquet(path, **options) as collector:
        for batch in batches:
            await collector.collect(batch)
            await collector.snapshot(0)
    return path


def tables(path: Path) -> dict[str, Any]:
    """Every file by its name."""
    return {
        str(file.relative_to(path)): pq.read_table(file, partitioning=None)
        for file in sorted(path.rglob("*.parquet"))
    }


def same(left: Path, right: Path) -> None:
    ours, theirs = tables(left), tables(right)
    assert ours.keys() == theirs.keys()
    for name, table in ours.items():
        assert table.schema.equals(theirs[name].schema, check_metadata=True)
        assert table.equals(theirs[name])
    assert list(read_records(left)) == list(read_records(right))


async def test_lines_are_written_without_their_objects(tmp_path: Path) -> None:
    records = [record(number) for number in range(50)]
    ours = await written(tmp_path / "a", [line(one) for one in records], schema=SCHEMA)
    theirs = await written(tmp_path / "b", records, schema=SCHEMA)
    assert Line.parsed == 0
    same(ours, theirs)
    for name in tables(ours):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()


def blocks_of(records: Sequence[dict[str, Any]], *sizes: int) -> list[LineBlock]:
    """Blocks of so many lines each."""
    lines = iter([line(one).line for one in records])
    parts = [list(islice(lines, size)) for size in sizes]
    return [LineBlock(b"".join(part), len(part), kind=Line) for part in parts]


@pytest.mark.parametrize("made", [[], [3], [3, 12, 13, 25]], ids=["plain", "one odd", "many odd"])
async def test_blocks_of_lines_make_the_same_files(tmp_path: Path, made: list[int]) -> None:
    """An odd line is encoded by itself, and stands where it stood."""
    records = [record(number, **({"hash": ODD} if number in made else {})) for number in range(30)]
    batch = [*blocks_of(records[:25], 10, 1, 14), *(line(one) for one in records[25:])]
    ours = await written(tmp_path / "a", batch, schema=SCHEMA)
    assert bool(Line.parsed) is bool(made)
    same(ours, await written(tmp_path / "b", records, schema=SCHEMA))
    (tmp_path / "one").mkdir()
    async with OneFile(tmp_path / "one" / "part.parquet", schema=SCHEMA) as file:
        await file.collect(batch)
    assert list(read_records(tmp_path / "one")) == records


async def test_of_a_block_all_lines_are_kept_or_none(tmp_path: Path) -> None:
    """The runner gives the lines of a block that has failed again, one by one."""
    good = [record(number) for number in range(30)]
    bad = record(15, hash=ODD, any=float("nan"))
    batch = blocks_of([*good[:15], bad, *good[16:]], 10, 10, 10)
    kept = [*good[:10], *good[20:]]
    async with Parquet(tmp_path / "dataset", schema=SCHEMA) as dataset:
        with pytest.raises(BatchError) as refused:
            await dataset.collect(batch)
    assert list(refused.value.failures) == [1]
    assert list(read_records(tmp_path / "dataset")) == kept
    (tmp_path / "one").mkdir()
    async with OneFile(tmp_path / "one" / "part.parquet", schema=SCHEMA) as file:
        with pytest.raises(BatchError) as refused:
            await file.collect(batch)
    assert list(refused.value.failures) == [1]
    assert list(read_records(tmp_path / "one")) == kept


async def test_lines_go_to_the_folders_of_their_ledgers(tmp_path: Path) -> None:
    records = [record(number) for number in (5, 99, 100, 350, 7, 250)]
    records += [{"hash": "without"}, record(-1), record(0)]
    options: dict[str, Any] = {"schema": SCHEMA, "partition_ledgers": 100}
    ours = await written(tmp_path / "a", [line(one) for one in records], **options)
    theirs = await written(tmp_path / "b", records, **options)
    assert Line.parsed == 0
    assert len(tables(ours)) == 5
    same(ours, theirs)


async def test_lines_that_do_not_fit_and_records_stand_where_they_stood(tmp_path: Path) -> None:
    class Other(JsonLine):
        """A kind of lines that has no columns."""

    records = [record(number) for number in range(40)]
    records[3]["hash"] = records[4]["hash"] = records[39]["hash"] = ODD
    records[7] |= {"new": [1, None], "any": None}
    records[20]["ledger_index"] = "20"
    records[21]["meta"] = {"nodes": ["x"], "more": 1}
    batch: list[Any] = [line(one) for one in records]
    batch[10], batch[30] = records[10], line(records[30], Other)
    batch[20], batch[21] = records[20], records[21]
    options: dict[str, Any] = {"schema": SCHEMA, "partition_ledgers": 25}
    ours = await written(tmp_path / "a", batch, **options)
    theirs = await written(tmp_path / "b", records, **options)
    assert Line.parsed == 4
    same(ours, theirs)
    in_first = [one for one in read_records(ours) if one["ledger_index"] in range(25)]
    assert [one["ledger_index"] for one in in_first] == [n for n in range(25) if n != 20]


async def test_what_cannot_be_stored_fails_by_its_place_and_name(tmp_path: Path) -> None:
    bad = {**record(2), "any": Decimal(1)}
    odd = record(3, hash=ODD)
    batch: list[Any] = [line(record(1)), bad, line(odd), line(record(4)), 5]
    async with Parquet(tmp_path / "d", schema=SCHEMA) as collector:
        with pytest.raises(BatchError) as failed:
            await collector.collect(batch)
    failures = failed.value.failures
    assert failures.keys() == {1, 4}
    assert isinstance(failures[1], Permanent)
    assert bad["hash"] in str(failures[1])
    assert list(read_records(tmp_path / "d")) == [record(1), odd, record(4)]


async def test_a_schema_that_is_found_grows_with_lines_as_with_records(tmp_path: Path) -> None:
    records = [record(number) for number in range(30)]
    for number, one in enumerate(records):
        if number >= 10:
            one["later"] = number
    batches = [records[:8], records[8:12], records[12:20], records[20:]]
    ours = await written(tmp_path / "a", *([line(one) for one in batch] for batch in batches))
    assert Line.parsed == 12  # the first batch and the one with the new field
    theirs = await written(tmp_path / "b", *batches)
    same(ours, theirs)


async def test_a_schema_that_may_not_grow_any_more_keeps_new_fields_beside(tmp_path: Path) -> None:
    records = [record(number) for number in range(30)]
    records[25]["later"] = 1
    batches = [records[:20], records[20:]]
    options: dict[str, Any] = {"widen_rows": 10}
    ours = await written(
        tmp_path / "a", *([line(one) for one in batch] for batch in batches), **options
    )
    assert Line.parsed == 21
    theirs = await written(tmp_path / "b", *batches, **options)
    same(ours, theirs)
    assert list(read_records(ours))[25]["later"] == 1


async def test_lines_come_back_out_after_a_restart_takes_them_back(tmp_path: Path) -> None:
    path = tmp_path / "d"
    async with Parquet(path, schema=SCHEMA) as collector:
        await collector.restore(None)
        await collector.collect([line(record(number)) for number in range(10)])
        state = await collector.snapshot(9)
        await collector.collect([line(record(number)) for number in range(10, 20)])
        await collector.snapshot(19)
    async with Parquet(path, schema=SCHEMA) as collector:
        await collector.restore(state)
    assert [one["ledger_index"] for one in read_records(path)] == list(range(10))


async def test_one_file_takes_lines_too(tmp_path: Path) -> None:
    records = [record(number) for number in range(40)]
    records[3]["hash"] = records[39]["hash"] = ODD
    records[7] |= {"new": [1, None], "any": None}
    mixed: list[Any] = [line(one) for one in records]
    mixed[10] = records[10]
    for name, batch in (("a", mixed), ("b", records)):
        (tmp_path / name).mkdir()
        async with OneFile(tmp_path / name / "one.parquet", schema=SCHEMA) as file:
            await file.collect(batch[:20])
            await file.collect(batch[20:])
    assert Line.parsed == 3  # the odd ones
    same(tmp_path / "a", tmp_path / "b")


async def test_one_file_says_which_lines_cannot_be_stored(tmp_path: Path) -> None:
    bad = {**record(1), "hash": ODD, "more": Decimal(1)}
    (tmp_path / "one").mkdir()
    async with OneFile(tmp_path / "one" / "part.parquet", schema=SCHEMA) as file:
        with pytest.raises(BatchError) as caught:
            await file.collect([line(record(0)), bad, line(record(2))])
    assert list(caught.value.failures) == [1]
    assert [each["ledger_index"] for each in read_records(tmp_path)] == [0, 2]

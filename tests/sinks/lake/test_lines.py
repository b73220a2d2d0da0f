"""Records that come as lines: the table is the one that the records themselves would make."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ekspiper.core import BatchError, JsonLine
from tests.sinks.lines import ODD, Columns, CountedLine, line

from .lakes import FORMATS, Format, make, stored

SCHEMA = pa.schema(
    [
        ("ledger_index", pa.int32()),
        ("hash", pa.string()),
        ("at", pa.timestamp("s", tz="UTC")),
        ("meta", pa.struct([("nodes", pa.list_(pa.string()))])),
    ]
)
each_format = pytest.mark.parametrize("kind", FORMATS)


class LakeColumns(Columns):
    """With times as Arrow has them."""

    def __init__(self, schema: Any) -> None:
        super().__init__(schema)
        assert schema.field("at").type == pa.timestamp("s", tz="UTC"), "what the codec can read"

    def row(self, record: dict[str, Any]) -> dict[str, Any]:
        at = pa.array([record.get("at")], pa.string()).cast(pa.timestamp("s", "UTC"))
        return {**record, "at": at[0].as_py()}


class Line(CountedLine):
    columns = LakeColumns


@pytest.fixture(autouse=True)
def nothing_parsed() -> None:
    CountedLine.parsed = 0


def record(number: int, **more: Any) -> dict[str, Any]:
    about = {"at": "2026-11-26T12:00:00Z", "meta": {"nodes": [str(number)]}}
    return {"ledger_index": number, "hash": f"{number:04X}", **about, **more}


@each_format
async def test_lines_are_read_without_their_objects(kind: Format, tmp_path: Path) -> None:
    records = [record(number) for number in range(30)]
    records[4]["hash"] = ODD
    records[5] |= {"hash": ODD, "new": 1}
    records[9]["meta"] = {"nodes": []}
    batch: list[Any] = [line(each, Line) for each in records]
    batch[7] = records[7]
    async with make(kind, tmp_path, schema=SCHEMA) as sink:
        await sink.restore(None)
        await sink.collect(batch[:20])
        await sink.collect(batch[20:])
        await sink.snapshot(29)
    assert stored(kind, tmp_path) == records
    # Iceberg cannot tell an empty list from none, so that line is not read into columns.
    assert Line.parsed == {"delta": 2, "iceberg": 3}[kind]


@each_format
async def test_what_fails_is_named_by_its_place(kind: Format, tmp_path: Path) -> None:
    batch: list[Any] = [
        line(record(0), Line),
        {**record(1), "new": Decimal(1)},
        line(record(2), Line),
        5,
    ]
    async with make(kind, tmp_path, schema=SCHEMA) as sink:
        await sink.restore(None)
        with pytest.raises(BatchError) as failed:
            await sink.collect(batch)
        await sink.snapshot(2)
    assert failed.value.failures.keys() == {1, 3}
    assert Line.parsed == 0
    assert stored(kind, tmp_path) == [record(0), record(2)]


@each_format
async def test_without_a_schema_lines_are_as_good_as_records(kind: Format, tmp_path: Path) -> None:
    records = [{"ledger_index": 1, "hash": "A"}, {"ledger_index": 2, "hash": "B", "new": 1}]

    class Plain(JsonLine):
        """A kind of lines that has no columns."""

    async with make(kind, tmp_path) as sink:
        await sink.restore(None)
        await sink.collect([Plain(json.dumps(each).encode()) for each in records])
        await sink.snapshot(2)
    assert stored(kind, tmp_path) == records

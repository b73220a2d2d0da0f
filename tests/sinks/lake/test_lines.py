"""Records that come as lines: the table is the one that the records themselves would make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ekspiper.core import BatchError, JsonLine

from .lakes import FORMATS, Format, make, stored

SCHEMA = pa.schema(
    [
        ("ledger_index", pa.int32()),
        ("hash", pa.string()),
        ("at", pa.timestamp("s", tz="UTC")),
        ("meta", pa.struct([("nodes", pa.list_(pa.string()))])),
    ]
)
ODD = "odd"
each_format = pytest.mark.parametrize("kind", FORMATS)


class Columns:
    """Reads lines over their objects, as that is simple, and leaves odd ones out."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        assert schema.field("at").type == pa.timestamp("s", tz="UTC"), "what the codec can read"

    def read(self, lines: Sequence[bytes]) -> tuple[Any, list[int]]:
        records = [json.loads(line) for line in lines]
        unfit = [at for at, record in enumerate(records) if record["hash"] == ODD]
        rows = [record for at, record in enumerate(records) if at not in unfit]
        ats = pa.array([row.get("at") for row in rows], pa.string()).cast(pa.timestamp("s", "UTC"))
        for row, at in zip(rows, ats.to_pylist(), strict=True):
            row["at"] = at
        return pa.RecordBatch.from_pylist(rows, schema=self.schema), unfit


class Line(JsonLine):
    """A line that has columns, and says when it is parsed."""

    parsed = 0

    @staticmethod
    def parse(line: bytes) -> Any:
        Line.parsed += 1
        return json.loads(line)

    @classmethod
    def column_reader(cls, schema: Any) -> Columns:
        return Columns(schema)


@pytest.fixture(autouse=True)
def nothing_parsed() -> None:
    Line.parsed = 0


def line(record: dict[str, Any]) -> Line:
    return Line(json.dumps(record).encode() + b"\n")


def record(number: int, **more: Any) -> dict[str, Any]:
    about = {"at": "2026-11-26T12:00:00Z", "meta": {"nodes": [str(number)]}}
    return {"ledger_index": number, "hash": f"{number:04X}", **about, **more}


@each_format
async def test_lines_are_read_without_their_objects(kind: Format, tmp_path: Path) -> None:
    records = [record(number) for number in range(30)]
    records[4]["hash"] = ODD
    records[5] |= {"hash": ODD, "new": 1}
    records[9]["meta"] = {"nodes": []}
    batch: list[Any] = [line(each) for each in records]
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
    batch: list[Any] = [line(record(0)), {**record(1), "new": Decimal(1)}, line(record(2)), 5]
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

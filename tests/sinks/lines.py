"""Lines of records that have columns, for the tests of sinks that write columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from ekspiper.core import JsonLine

__all__ = ["ODD", "Columns", "CountedLine", "line"]

ODD = "odd"
"""A line with this as its `hash` is left to the way over its object."""


class Columns:
    """Reads lines over their objects, as that is simple, and leaves odd ones out."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema

    def read(self, lines: Sequence[bytes]) -> tuple[Any, list[int]]:
        """The columns of the lines that fit, and the places of the others."""
        records = [json.loads(line) for line in lines]
        unfit = [at for at, record in enumerate(records) if not self.fits(record)]
        rows = [self.row(record) for at, record in enumerate(records) if at not in unfit]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema), unfit

    def fits(self, record: dict[str, Any]) -> bool:
        """Whether a record can be read into the columns."""
        return record.get("hash") != ODD

    def row(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record as the columns hold it."""
        return record


class CountedLine(JsonLine):
    """A line that has columns, and counts how often one is parsed."""

    parsed = 0
    columns: ClassVar[type[Columns]] = Columns

    @staticmethod
    def parse(line: bytes) -> Any:
        CountedLine.parsed += 1
        return json.loads(line)

    @classmethod
    def column_reader(cls, schema: Any) -> Columns:
        return cls.columns(schema)


def line(record: dict[str, Any], kind: type[JsonLine] = CountedLine) -> JsonLine:
    """A record as its line."""
    return kind(json.dumps(record).encode() + b"\n")

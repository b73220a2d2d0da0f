"""A record as its line of JSON, as `RecordLines` wrote it."""

from __future__ import annotations

from typing import Any

import orjson

from ekspiper.core import ColumnReader, JsonLine
from ekspiper.xrpl.schema import LineColumns

__all__ = ["RecordLine"]


class RecordLine(JsonLine):
    """A line that orjson parses, five times as fast as the standard library, and columns take."""

    __slots__ = ()

    @staticmethod
    def parse(line: bytes) -> Any:
        return orjson.loads(line)

    @classmethod
    def column_reader(cls, schema: Any) -> ColumnReader | None:
        return LineColumns.of(schema)

"""A record as its line of JSON."""

from __future__ import annotations

from typing import Any

import orjson

from ekspiper.core import JsonLine

__all__ = ["RecordLine"]


class RecordLine(JsonLine):
    """A line that orjson parses: five times as fast as the parser of the standard library."""

    __slots__ = ()

    @staticmethod
    def parse(line: bytes) -> Any:
        return orjson.loads(line)

"""Records as lines of COPY."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ekspiper.core import Permanent

from ..json_line import describe, holds_non_finite
from .columns import REST, converter, field_of

__all__ = ["Lines", "json_text"]

_LONGEST_KEY = 2_000
"""Bytes of a key; an index of PostgreSQL has room for about 2,700."""


class Lines:
    """Writes records as lines of COPY for a table.

    Args:
        columns: type by column, without `data`, which comes last.
        key: columns that no record may lack.
    """

    def __init__(self, columns: Mapping[str, str], key: Sequence[str]) -> None:
        self.names = (*columns, REST)
        self._key = {field_of(name): at for at, name in enumerate(columns) if name in key}
        self._columns = {
            field_of(name): (at, None if kind in ("jsonb", "json") else converter(kind))
            for at, (name, kind) in enumerate(columns.items())
        }

    def encode(self, batch: Sequence[Any]) -> tuple[list[bytes], list[int], dict[int, Exception]]:
        """The lines, the place in the batch of each, and why other members have none."""
        lines: list[bytes] = []
        places: list[int] = []
        failures: dict[int, Exception] = {}
        for place, record in enumerate(batch):
            try:
                lines.append(self._line(record))
                places.append(place)
            except (Permanent, UnicodeEncodeError, RecursionError) as error:
                failures[place] = Permanent(
                    f"the record{describe(record)} cannot be stored in PostgreSQL: {error}"
                )
        return lines, places, failures

    def _line(self, record: Any) -> bytes:
        if type(record) is not dict:
            raise Permanent(f"it is {type(record).__name__}, not a record")
        texts = ["\\N"] * len(self.names)
        rest: dict[str, Any] = {}
        columns = self._columns
        for name, value in record.items():
            found = columns.get(name)
            text = None
            if found is not None and value is not None:
                text = _escaped_json(value) if found[1] is None else found[1](value)
            if found is None or text is None:
                rest[name] = value
            else:
                texts[found[0]] = text
        for name, at in self._key.items():
            if texts[at] == "\\N" or len(texts[at]) > _LONGEST_KEY:
                why = "missing" if name not in record else f"no key: {record[name]!r:.60}"
                raise Permanent(f"its {name} is {why}")
        if rest:
            texts[-1] = _escaped_json(rest)
        return "\t".join(texts).encode() + b"\n"


def _escaped_json(value: Any) -> str:
    return json_text(value).replace("\\", "\\\\")


def json_text(value: Any) -> str:
    """A JSON value as text that jsonb gives back equal.

    Raises:
        Permanent: JSON or jsonb has no word for something in it.
    """
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = _rare(value)
    if "null" in text and holds_non_finite(value):
        raise Permanent("it holds NaN or infinity, which JSON has not")
    if "\\u0000" in text and _holds_nul(value):
        raise Permanent("it holds a NUL character, which PostgreSQL cannot store")
    return text


def _rare(value: Any) -> str:
    """What orjson refuses and JSON allows: integers over 64 bits."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        if json.loads(text) == value:
            return text
        why = "a key that is no string"
    except (TypeError, ValueError) as error:
        why = str(error)
    raise Permanent(f"it cannot be written as JSON: {why}")


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False

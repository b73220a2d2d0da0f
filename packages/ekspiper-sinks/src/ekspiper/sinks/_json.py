"""Records as JSON, exactly: what JSON cannot hold is refused, never changed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from ekspiper.core import JsonLine, LineBlock, Permanent

__all__ = [
    "describe",
    "finite_json",
    "from_json",
    "holds_non_finite",
    "iso_text",
    "json_line",
    "json_lines",
    "to_json",
]

_KEYS = ("hash", "ledger_index", "index")


def finite_json(value: Any, *, option: int = 0) -> bytes:
    """A value as JSON, by orjson, which would write NaN and infinity as null.

    Raises:
        ValueError: it holds NaN or infinity.
        TypeError: JSON cannot hold something else in it.
    """
    data = orjson.dumps(value, option=option)
    # Only a text that has a null can hide one. CPython looks faster from the end.
    if data.rfind(b"null") >= 0 and holds_non_finite(value):
        raise ValueError("it holds NaN or infinity, which JSON does not have")
    return data


def json_line(record: Any) -> bytes:
    """A record as UTF-8 JSON with a newline at its end.

    Raises:
        Permanent: JSON cannot hold something in it.
    """
    try:
        return finite_json(record, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError) as error:
        raise Permanent(
            f"the record{describe(record)} cannot be written as JSON: {error}"
        ) from None


def json_lines(batch: Sequence[Any]) -> tuple[list[bytes], dict[int, Exception]]:
    """The lines of a batch, and why the other members are not among them, by their place.

    Records that came as lines are lines already, and a block of them is one member.
    """
    lines: list[bytes] = []
    failures: dict[int, Exception] = {}
    for place, record in enumerate(batch):
        try:
            if isinstance(record, LineBlock):
                lines.append(record.lines)
            else:
                lines.append(record.line if isinstance(record, JsonLine) else json_line(record))
        except Permanent as error:
            failures[place] = error
    return lines, failures


def to_json(value: Any) -> str:
    """A JSON value as text that gives back exactly this value.

    Raises:
        Permanent: JSON cannot hold something in it.
    """
    try:
        # Without the option orjson would make text of a date, which would come back as text.
        return finite_json(value, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except ValueError as error:
        raise Permanent(str(error)) from None
    except TypeError:
        return _rare_json(value)


def _rare_json(value: Any) -> str:
    """What orjson refuses and JSON allows: integers over 64 bits, half of a surrogate pair."""
    try:
        text = json.dumps(value, allow_nan=False)
        if json.loads(text) == value:
            return text
        why = "a key that is not text"
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error)
    raise Permanent(f"it cannot be written as JSON: {why}")


def from_json(text: str) -> Any:
    """The value that `to_json` made this text from."""
    return json.loads(text)  # orjson would make a float of an integer over 64 bits


def iso_text(instant: datetime) -> str:
    """A point in time as records write it, such as `2026-11-22T12:01:40Z`."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def describe(record: Any) -> str:
    """Which record it is, as words to append: its hash or index and its ledger, if it has them."""
    if not isinstance(record, dict):
        return f" of type {type(record).__name__}"
    known = [
        f"{key} {record[key]!r:.80}" for key in _KEYS if isinstance(record.get(key), str | int)
    ]
    return f" ({', '.join(known)})" if known else ""


def holds_non_finite(value: Any) -> bool:
    """Whether NaN or an infinity is anywhere in a JSON value. Works without recursion."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            return True
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return False

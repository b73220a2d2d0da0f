"""A record as one line of JSON, and what to say of a record that is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import orjson

from ekspiper.core import Permanent

__all__ = ["describe", "holds_non_finite", "json_line", "json_lines"]

_KEYS = ("hash", "ledger_index", "index")


def json_line(record: Any) -> bytes:
    """A record as UTF-8 JSON with a newline at its end.

    Raises:
        Permanent: it holds something that JSON has no word for, NaN and infinity included.
    """
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        raise Permanent(
            f"the record{describe(record)} cannot be written as JSON: {error}"
        ) from None
    # orjson writes NaN as null, so only a line that has a null can hide one. CPython looks
    # faster from the end.
    if line.rfind(b"null") >= 0 and holds_non_finite(record):
        raise Permanent(f"the record{describe(record)} holds NaN or infinity, which JSON has not")
    return line


def json_lines(batch: Sequence[Any]) -> tuple[list[bytes], dict[int, Exception]]:
    """The lines of a batch, and why the other members are not among them, by their place."""
    lines: list[bytes] = []
    failures: dict[int, Exception] = {}
    for place, record in enumerate(batch):
        try:
            lines.append(json_line(record))
        except Permanent as error:
            failures[place] = error
    return lines, failures


def describe(record: Any) -> str:
    """Which record it is, as words to append: its hash or index and its ledger, if it has them."""
    if not isinstance(record, dict):
        return f" of type {type(record).__name__}"
    known = [
        f"{key} {record[key]!r:.80}" for key in _KEYS if isinstance(record.get(key), str | int)
    ]
    return f" ({', '.join(known)})" if known else ""


def holds_non_finite(value: Any) -> bool:
    """Whether NaN or an infinity is anywhere in a JSON value. Needs no recursion."""
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

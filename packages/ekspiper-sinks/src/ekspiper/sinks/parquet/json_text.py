"""JSON as text that gives back exactly what went in."""

from __future__ import annotations

import json
from typing import Any

import orjson

from ekspiper.core import Permanent

from ..json_line import holds_non_finite

__all__ = ["from_json", "to_json"]


def to_json(value: Any) -> str:
    """A JSON value as text.

    Raises:
        Permanent: JSON has no word for something in it.
    """
    try:
        # orjson would make text of a date, which would then come back as text.
        text = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return _rare(value)
    if b"null" in text and holds_non_finite(value):
        raise Permanent("it holds NaN or infinity, which JSON has not")
    return text.decode()


def _rare(value: Any) -> str:
    """What orjson refuses and JSON allows: integers over 64 bits, half of a surrogate pair."""
    try:
        text = json.dumps(value, allow_nan=False)
        if json.loads(text) == value:
            return text
        why = "a key that is no string"
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error)
    raise Permanent(f"it cannot be written as JSON: {why}")


def from_json(text: str) -> Any:
    """The value that `to_json` made this text from."""
    return json.loads(text)  # orjson would make a float of an integer over 64 bits

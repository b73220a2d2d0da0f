"""JSON values as the text format of COPY writes them, by the type of their column."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from .._json import finite_json

__all__ = ["Encode", "encode_for", "encode_json", "is_exact", "json_text"]

Encode: TypeAlias = Callable[[Any], bytes | None]
"""The bytes of a value in a column; None when the column cannot give exactly this value back.

Raises ValueError when no column can hold it.
"""

_SPECIAL = re.compile(r"[\x00\t\n\r\\]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,999})(\.\d{0,999}[1-9])?", re.ASCII)
_HEX = re.compile(r"([0-9A-F]{2})*")
_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}


def encode_for(type_: str) -> Encode:
    """The encoder of a column type, by the name that `format_type` gives it."""
    base = type_.partition("(")[0]
    if type_ in _INTEGERS:
        return _integer(_INTEGERS[type_])
    if base in ("text", "character varying"):
        return _text
    return _BY_TYPE.get(type_, _other)


def is_exact(type_: str) -> bool:
    """Whether a column of that type gives back every value that `encode_for` put there."""
    return encode_for(type_) is not _other


def json_text(value: Any) -> bytes:
    """A value as JSON that `jsonb` takes.

    Raises:
        ValueError, TypeError: JSON or PostgreSQL cannot hold something in it.
    """
    data = finite_json(value)
    # The search is quick and finds the text `\\\\u0000` as well, so the slow look decides.
    if b"\\u0000" in data and _holds_nul(value):
        raise ValueError("it holds a character U+0000, which PostgreSQL does not have")
    return data


def encode_json(value: Any) -> bytes:
    """JSON in a column. Tabs and newlines are escaped in JSON, so only backslashes are left."""
    data = json_text(value)
    return data.replace(b"\\", b"\\\\") if b"\\" in data else data


def _text(value: Any) -> bytes | None:
    if type(value) is not str:
        return None
    if _SPECIAL.search(value):
        return _escaped(value)
    return value.encode()


def _escaped(text: str) -> bytes:
    if "\0" in text:
        raise ValueError("it holds a character U+0000, which PostgreSQL does not have")
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r").encode()


def _integer(bits: int) -> Encode:
    least, greatest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def encode(value: Any) -> bytes | None:
        # `type`, not `isinstance`: True is an int in Python, and would come back as 1.
        if type(value) is int and least <= value <= greatest:
            return b"%d" % value
        return None

    return encode


def _boolean(value: Any) -> bytes | None:
    if value is True:
        return b"t"
    return b"f" if value is False else None


def _double(value: Any) -> bytes | None:
    if type(value) is float and math.isfinite(value):
        return repr(value).encode()
    return None


def _single(value: Any) -> bytes | None:
    try:
        exact = type(value) is float and struct.unpack("f", struct.pack("f", value))[0] == value
    except OverflowError:
        return None
    return repr(value).encode() if exact else None


def _timestamp(value: Any) -> bytes | None:
    return _instant(value) if type(value) is str else None


@lru_cache(maxsize=1024)
def _instant(text: str) -> bytes | None:
    """Only whole seconds in UTC come back as they were written."""
    if not _TIME.fullmatch(text):
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text.encode()


def _numeric(value: Any) -> bytes | None:
    """Decimal numbers in text, such as drops, in the one form that comes back as it was."""
    # Only the form in which the server prints it: `1.0` would come back as text that differs.
    if type(value) is str and value != "-0" and _NUMBER.fullmatch(value):
        return value.encode()
    return None


def _bytes(value: Any) -> bytes | None:
    """Blobs, as upper-case hexadecimal digits."""
    return rf"\\x{value}".encode() if type(value) is str and _HEX.fullmatch(value) else None


def _other(value: Any) -> bytes | None:
    """Any other type gets the text of a plain value, and may give back another text."""
    if type(value) is bool or type(value) is int:
        return str(value).lower().encode()
    return _double(value) or _text(value)


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return False


_BY_TYPE: dict[str, Encode] = {
    "boolean": _boolean,
    "double precision": _double,
    "real": _single,
    "numeric": _numeric,
    "bytea": _bytes,
    "timestamp with time zone": _timestamp,
    "jsonb": encode_json,
    "json": encode_json,
}

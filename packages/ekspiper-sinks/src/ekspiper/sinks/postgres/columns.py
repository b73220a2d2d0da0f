"""Values of records as the columns of a table take them, in the text format of COPY."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ekspiper.core import Permanent

__all__ = ["KNOWN", "REST", "converter", "field_of", "key_for"]

REST = "data"
"""The column of type jsonb that holds all fields that have no column, or do not fit theirs."""

KNOWN: Mapping[str, str] = {
    "ledger_index": "bigint",
    "ledger_hash": "text",
    "parent_hash": "text",
    "close_time_iso": "timestamp with time zone",
    "hash": "text",
    "index": "text",
    "ctid_": "text",
    "TransactionType": "text",
    "LedgerEntryType": "text",
    "Account": "text",
    "transaction_count": "bigint",
    "truncated": "boolean",
}
"""Columns of a table that is made without a schema, as far as its first records have the fields."""

_SYSTEM = frozenset({"cmax_", "cmin_", "ctid_", "tableoid_", "xmax_", "xmin_"})

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,999})(\.[0-9]{0,999}[1-9])?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z")
_HEX = re.compile(r"([0-9A-F]{2})*")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})

Converter = Callable[[Any], "str | None"]
"""The text of a value, or None where the column cannot give it back as it is."""


def field_of(column: str) -> str:
    """The field that a column holds: its name, less the `_` after names that PostgreSQL keeps."""
    return column[:-1] if column in _SYSTEM else column


def key_for(columns: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that tell records of a kind apart; none where nothing does."""
    if "hash" in columns:
        return ("hash",)
    if {"ledger_index", "index"} <= columns.keys():
        return ("ledger_index", "index")
    if {"ledger_index", "transaction_count"} <= columns.keys():
        return ("ledger_index",)
    return ()


def converter(kind: str) -> Converter:
    """How values get into a column of a type, named as PostgreSQL names it."""
    return _CONVERTERS.get(kind, _text)


def _text(value: Any) -> str | None:
    if type(value) is not str:
        return None
    if "\0" in value:
        raise Permanent("it holds a NUL character, which PostgreSQL cannot store")
    return value.translate(_ESCAPES)


def _integer(bits: int) -> Converter:
    bounds = range(-(1 << (bits - 1)), 1 << (bits - 1))
    return lambda value: str(value) if type(value) is int and value in bounds else None


def _numeric(value: Any) -> str | None:
    text = str(value) if type(value) is int else value
    return text if type(text) is str and _NUMBER.fullmatch(text) and text != "-0" else None


def _boolean(value: Any) -> str | None:
    return {True: "t", False: "f"}[value] if type(value) is bool else None


def _float(value: Any) -> str | None:
    if type(value) is not float:
        return None
    if not math.isfinite(value):
        raise Permanent(f"it holds {value}, which JSON has not")
    return repr(value)


def _instant(value: Any) -> str | None:
    if type(value) is not str or not _INSTANT.fullmatch(value):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


def _bytes(value: Any) -> str | None:
    fits = type(value) is str and _HEX.fullmatch(value)
    return f"\\\\x{value}" if fits else None


_CONVERTERS: Mapping[str, Converter] = {
    "smallint": _integer(16),
    "integer": _integer(32),
    "bigint": _integer(64),
    "numeric": _numeric,
    "boolean": _boolean,
    "double precision": _float,
    "timestamp with time zone": _instant,
    "bytea": _bytes,
}

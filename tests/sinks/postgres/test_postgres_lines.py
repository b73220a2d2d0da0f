"""Records as lines of COPY: what has a column, what stands in `data`, what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ekspiper.core import Permanent
from ekspiper.sinks.postgres.columns import converter, field_of, key_for
from ekspiper.sinks.postgres.lines import Lines, json_text

COLUMNS = {"hash": "text", "ledger_index": "bigint", "meta": "jsonb", "ctid_": "text"}


def split(line: bytes) -> list[str]:
    return line.decode().removesuffix("\n").split("\t")


def test_columns_and_the_rest() -> None:
    record = {
        "hash": "AB",
        "ledger_index": 7,
        "meta": {"a": 1},
        "ctid": "C0",
        "Fee": {"value": "1"},
    }
    [line], places, failures = Lines(COLUMNS, ["hash"]).encode([record])
    assert split(line) == ["AB", "7", '{"a":1}', "C0", '{"Fee":{"value":"1"}}']
    assert places == [0]
    assert not failures


def test_what_does_not_fit_its_column_stands_in_the_rest() -> None:
    record = {"hash": "AB", "ledger_index": "7", "meta": None, "ctid": 5}
    [line], _, _ = Lines(COLUMNS, ["hash"]).encode([record])
    *columns, rest = split(line)
    assert columns == ["AB", "\\N", "\\N", "\\N"]
    assert orjson.loads(rest) == {"ledger_index": "7", "meta": None, "ctid": 5}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", "a\tb\nc\\d\r", "a\\tb\\nc\\\\d\\r"),
        ("text", "\\N", "\\\\N"),
        ("text", 5, None),
        ("bigint", 2**63 - 1, "9223372036854775807"),
        ("bigint", 2**63, None),
        ("bigint", True, None),
        ("integer", 2**31, None),
        ("smallint", -5, "-5"),
        ("numeric", "100000000000000000", "100000000000000000"),
        ("numeric", "1.5", "1.5"),
        ("numeric", "1.50", None),
        ("numeric", "1e5", None),
        ("numeric", "NaN", None),
        ("numeric", "007", None),
        ("boolean", False, "f"),
        ("boolean", 0, None),
        ("double precision", 0.5, "0.5"),
        ("timestamp with time zone", "2026-11-22T12:01:40Z", "2026-11-22T12:01:40Z"),
        ("timestamp with time zone", "2026-02-30T12:01:40Z", None),
        ("timestamp with time zone", "2026-11-22", None),
        ("bytea", "00FF", "\\\\x00FF"),
        ("bytea", "00ff", None),
        ("bytea", "0", None),
    ],
)
def test_values_of_columns(kind: str, value: Any, text: str | None) -> None:
    assert converter(kind)(value) == text


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (None, "it is NoneType, not a record"),
        ({"ledger_index": 1}, "its hash is missing"),
        ({"hash": 5}, "its hash is no key: 5"),
        ({"hash": None}, "its hash is no key: None"),
        ({"hash": "x" * 5000}, "its hash is no key: 'xxx"),
        ({"hash": "A\0"}, "NUL character"),
        ({"hash": "A", "memo": "a\0b"}, "hash 'A'.*NUL character"),
        ({"hash": "A", "memo": [{"a\0": 1}]}, "NUL character"),
        ({"hash": "A", "n": float("nan")}, "NaN or infinity"),
        ({"hash": "A", "n": [float("inf")]}, "NaN or infinity"),
        ({"hash": "A", "n": b""}, "cannot be written as JSON"),
        ({"hash": "A", "n": {1: 2}}, "a key that is no string"),
        ({"hash": "\ud800"}, "surrogates not allowed"),
        ({"hash": "A", "n": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_cannot_be_stored(bad: Any, says: str) -> None:
    good = {"hash": "B"}
    lines, places, failures = Lines(COLUMNS, ["hash"]).encode([good, bad, good])
    assert (len(lines), places, list(failures)) == (2, [0, 2], [1])
    assert isinstance(failures[1], Permanent)
    with pytest.raises(Permanent, match=says):
        raise failures[1]


def test_json_that_only_looks_odd_is_kept() -> None:
    assert orjson.loads(json_text({"a": None, "b": "\\u0000"})) == {"a": None, "b": "\\u0000"}
    assert json_text(2**100) == str(2**100)


def test_keys_by_columns() -> None:
    assert key_for({"hash": "text", "ledger_index": "bigint"}) == ("hash",)
    assert key_for({"ledger_index": "bigint", "index": "text"}) == ("ledger_index", "index")
    assert key_for({"ledger_index": "bigint", "transaction_count": "bigint"}) == ("ledger_index",)
    assert key_for({"ledger_index": "bigint", "truncated": "boolean"}) == ()
    assert field_of("ctid_") == "ctid"
    assert field_of("hash_") == "hash_"

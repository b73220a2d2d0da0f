"""Records as rows of COPY, and back: pure functions, any JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import Permanent
from ekspiper.sinks.postgres._encoder import Encoder
from ekspiper.sinks.postgres._names import REST, column_of, field_of
from ekspiper.sinks.postgres.records import record_of

COLUMNS = {"hash": "text", "n": "bigint", "meta": "jsonb", "ctid_": "text", "ok": "boolean"}
NAMES = [*COLUMNS, REST, "_row"]


def unescaped(text: bytes) -> str:
    """What the server reads: https://www.postgresql.org/docs/current/sql-copy.html, Text Format."""
    codes = {ord("t"): 9, ord("n"): 10, ord("r"): 13, ord("\\"): 92}
    out, rest = bytearray(), iter(text)
    for byte in rest:
        out.append(codes[next(rest)] if byte == 92 else byte)
    return out.decode()


def values(line: bytes) -> list[Any]:
    """The row as psycopg would load it."""
    fields = line.removesuffix(b"\n").split(b"\t")
    texts = [None if field == b"\\N" else unescaped(field) for field in fields]
    loads: dict[str, Callable[[str], Any]] = {
        "bigint": int,
        "jsonb": orjson.loads,
        "boolean": lambda text: text == "t",
    }
    kinds = [*COLUMNS.values(), "jsonb", "bigint"]
    return [
        None if text is None else loads.get(kind, str)(text)
        for text, kind in zip(texts, kinds, strict=True)
    ]


texts = st.text('\\\t\n\r\v\x01 ".Nntu0é😀', max_size=8)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | texts
    | st.floats(allow_nan=False, allow_infinity=False)
)
json_values = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)
fields = texts | st.sampled_from(["hash", "n", "meta", "ctid", "ctid_", "ok", "_rest", "_row"])


@given(st.lists(st.dictionaries(fields, json_values, max_size=6), max_size=3))
def test_any_json_comes_back(batch: list[dict[str, Any]]) -> None:
    rows = Encoder(COLUMNS).encode(batch, after=7)
    assert not rows.failures
    assert all(line.count(b"\n") == 1 for line in rows.lines)
    found = [values(line) for line in rows.lines]
    assert [record_of(NAMES, row) for row in found] == batch
    assert [row[-1] for row in found] == [8 + place for place in range(len(batch))]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (None, "of type NoneType cannot be stored in PostgreSQL: it is not an object"),
        ([], "it is not an object"),
        ({"n": 1}, "ledger_index|its key 'hash' is missing or of another type"),
        ({"hash": 5}, "its key 'hash' is missing or of another type"),
        ({"hash": "A\0"}, r"U\+0000"),
        ({"hash": "A", "memo": "a\0b"}, r"hash 'A'.*U\+0000"),
        ({"hash": "A", "meta": [{"a\0": 1}]}, r"U\+0000"),
        ({"hash": "A", "a\0": 1}, r"U\+0000"),
        ({"hash": "A", "x": float("nan")}, "NaN or infinity"),
        ({"hash": "A", "meta": [float("-inf")]}, "NaN or infinity"),
        ({"hash": "A", "x": b""}, "not JSON serializable"),
        ({"hash": "A", "x": {1: 2}}, "must be str"),
        ({"hash": "A", "x": 2**64}, "64-bit"),
        ({"hash": "\ud800"}, "surrogates not allowed"),
        ({"hash": "A", "x": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_cannot_be_stored(bad: Any, says: str) -> None:
    good = {"hash": "B"}
    rows = Encoder(COLUMNS, key=["hash"]).encode([good, bad, good], after=0)
    assert (len(rows.lines), rows.places, list(rows.failures)) == (2, [0, 2], [1])
    with pytest.raises(Permanent, match=says):
        raise rows.failures[1]


def test_nesting_that_is_too_deep_fails_alone() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    rows = Encoder(COLUMNS).encode([{"meta": deep}, {"n": 1}], after=0)
    assert list(rows.failures) == [0]
    assert rows.places == [1]


def test_what_only_looks_like_a_zero_or_nan_is_kept() -> None:
    record = {"meta": {"a": None, "b": "\\u0000", "c": "null"}}
    [line] = Encoder(COLUMNS).encode([record], after=0).lines
    assert record_of(NAMES, values(line)) == record


def test_names_that_postgresql_keeps() -> None:
    for field in ("ctid", "xmin", "hash", "ctid_", "xmin_", "hash_"):
        if not field.endswith("_") or field == "hash_":
            assert field_of(column_of(field)) == field
    assert column_of("ctid") == "ctid_"
    assert field_of("hash_") == "hash_"

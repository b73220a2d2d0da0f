"""Records to Arrow and back: nothing is lost, whatever they hold."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.core import ConfigError
from ekspiper.sinks._arrow.encoder import Encoder
from ekspiper.sinks._arrow.records import records_of
from ekspiper.sinks._arrow.schema_evolution import conflict, grown_table, with_rest
from ekspiper.sinks._arrow.shape import JSON, REST, arrow_schema, shape_of_schema, widened

names = st.sampled_from(["a", "b", "ledger_index", "x.y", "x/y", "~0", "é", "0", "_rest", ""])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.just("\ud800")
)
python_values = st.one_of(
    st.none(),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**19), max_value=10**19).map(
        lambda number: number.quantize(Decimal("1e-18"), context=Context(prec=60))
    ),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.binary(max_size=5),
    st.integers(-(2**63), 2**63 - 1),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(names, values, max_size=5), max_size=5)


def encoder_for(found: list[dict[str, Any]], depth: int = 3) -> Encoder:
    shape: Any = {}
    for record in found:
        shape = widened(shape, record, depth=depth)
    return Encoder(arrow_schema(shape))


def same(left: Any, right: Any) -> bool:
    """Equal, with integers, floats and booleans told apart."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and (left != 0 or not isinstance(left, float) or _signs(left, right))


def _signs(left: float, right: float) -> bool:
    return math.copysign(1, left) == math.copysign(1, right)


@settings(deadline=None, max_examples=60)
@given(known=records, new=records, depth=st.integers(1, 4))
def test_nothing_is_lost(known: list[Any], new: list[Any], depth: int) -> None:
    encoder = encoder_for(known, depth)
    batches, failures, partial = encoder.encode(known + new)
    assert not failures
    back = [record for batch in batches for record in records_of(batch)]
    assert same(back, known + new)
    whole = [batch.column(REST).to_pylist() for batch in batches]
    assert len(partial) == sum(text is not None for rest in whole for text in rest)


@settings(deadline=None, max_examples=60)
@given(known=records, new=records)
def test_rows_grow_with_their_schema(known: list[Any], new: list[Any]) -> None:
    old = encoder_for(known)
    shape = shape_of_schema(old.schema)
    for record in new:
        shape = widened(shape, record, depth=3)  # type: ignore[assignment]
    schema = arrow_schema(shape)
    assert conflict(old.schema, schema) is None
    assert shape_of_schema(arrow_schema(shape_of_schema(schema))) == shape_of_schema(schema)
    batches, _, _ = old.encode(known)
    table = grown_table(pa.Table.from_batches(batches, old.schema), schema)
    assert table.schema == schema
    assert same(list(records_of(table)), known)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from("abcdefgh"), python_values, max_size=8))
def test_python_objects_come_back_as_they_were(found: dict[str, Any]) -> None:
    deeper = {**found, "list": [{"inner": value} for value in found.values()][:1]}
    encoder = encoder_for([deeper])
    batches, failures, _ = encoder.encode([deeper, {}])
    assert not failures
    assert [same(*pair) for pair in zip(list(records_of(batches[0])), [deeper, {}], strict=True)]
    grown = shape_of_schema(encoder.schema)
    assert arrow_schema(grown).equals(encoder.schema, check_metadata=True)


def test_types_of_columns_of_python_objects() -> None:
    schema = encoder_for(
        [
            {
                "decimal": Decimal("1.50"),
                "instant": datetime(2026, 11, 22, 12, 1, 40, 5, tzinfo=UTC),
                "clock": datetime(2026, 11, 22),
                "date": date(2026, 11, 22),
                "bytes": b"\x00",
            }
        ]
    ).schema
    assert {field.name: field.type for field in schema if field.name != REST} == {
        "decimal": pa.decimal128(38, 18),
        "instant": pa.timestamp("us", tz="UTC"),
        "clock": pa.timestamp("us"),
        "date": pa.date32(),
        "bytes": pa.binary(),
    }


def test_what_fits_neither_column_nor_json_is_refused_alone() -> None:
    encoder = encoder_for(
        [{"n": 1, "d": Decimal(1), "t": datetime(2026, 1, 1), "deep": {"a": {"b": {"c": {}}}}}]
    )
    good = {"n": 2, "d": Decimal("-0.000000000000000001")}
    bad: list[dict[str, Any]] = [
        {"d": Decimal("NaN")},
        {"d": Decimal("Infinity")},
        {"d": Decimal("1e-19")},
        {"d": Decimal(10**20)},
        {"t": datetime(2026, 1, 1, tzinfo=UTC)},
        {"n": Decimal(1)},
        {"n": date(2026, 1, 1)},
        {"deep": {"a": {"b": {"c": Decimal(1)}}}},
    ]
    [batch], failures, _ = encoder.encode([good, *bad])
    assert list(records_of(batch)) == [good]
    assert list(failures) == [*range(1, len(bad) + 1)]
    assert "1E-19 does not fit the column's type decimal128(38, 18)" in str(failures[3])
    assert "Object of type Decimal is not JSON serializable" in str(failures[6])


def test_a_decimal_in_a_column_of_a_given_schema() -> None:
    encoder = Encoder(with_rest(pa.schema({"d": pa.decimal128(10, 2)})))
    rows = [{"d": Decimal("1.5")}, {"d": "2.5"}, {"d": None}, {"d": Decimal("0.001")}]
    [batch], failures, _ = encoder.encode(rows)
    assert batch.column("d").to_pylist() == [Decimal("1.50"), Decimal("2.50"), None]
    assert list(records_of(batch)) == [{"d": "1.5"}, {"d": "2.5"}, {"d": None}]
    assert "0.001 does not fit the column's type decimal128(10, 2)" in str(failures[3])


@settings(deadline=None, max_examples=60)
@given(known=records, new=records)
def test_where_columns_do_not_tell_an_empty_list_from_none(
    known: list[Any], new: list[Any]
) -> None:
    encoder = Encoder(encoder_for(known).schema, empty_lists=False)
    batches, failures, _ = encoder.encode(known + new)
    assert not failures
    for batch in batches:
        assert not any(_holds_empty_list(row) for row in batch.drop_columns([REST]).to_pylist())
    back = [record for batch in batches for record in records_of(batch, empty_lists=False)]
    assert same(back, known + new)


def _holds_empty_list(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_empty_list, value.values()))
    return isinstance(value, list) and (not value or any(map(_holds_empty_list, value)))


def test_columns_are_what_they_look_like() -> None:
    encoder = encoder_for(
        [
            {
                "ledger_index": 7,
                "hash": "AB",
                "ok": True,
                "Fee": {"currency": "XRP", "value": "10"},
                "Memos": [{"Memo": {"MemoData": "00"}}],
                "meta": {"AffectedNodes": [{"ModifiedNode": {"FinalFields": {"Flags": 0}}}]},
                "unknown": [],
            }
        ],
        depth=4,
    )
    schema = encoder.schema
    assert schema.names == ["ledger_index", "hash", "ok", "Fee", "Memos", "meta", REST]
    assert schema.field("ledger_index").type == pa.int64()
    assert schema.field("hash").type == pa.string()
    assert schema.field("ok").type == pa.bool_()
    assert schema.field("Fee").type == pa.struct({"currency": pa.string(), "value": pa.string()})
    nodes = schema.field("meta").type.field("AffectedNodes").type.value_type
    final = nodes.field("ModifiedNode").type.field("FinalFields")
    assert (final.type, final.metadata) == (pa.string(), JSON), "the deepest level is JSON text"


def test_what_fits_no_column_stands_in_rest() -> None:
    encoder = encoder_for([{"a": 1, "b": {"c": [{"d": "x"}]}}])
    record = {"a": "text", "b": {"c": [{"d": "x", "e": 2}, {"d": 5}], "new": None}}
    [batch], _, partial = encoder.encode([record])
    [row] = batch.to_pylist()
    assert row["b"] == {"c": [{"d": "x"}, {"d": None}]}
    assert row[REST] == '{"/a":"text","/b/new":null,"/b/c/0/e":2,"/b/c/1/d":5}'
    assert partial == [record]
    assert list(records_of(batch)) == [record]


def test_given_types() -> None:
    schema = with_rest(
        pa.schema(
            [
                pa.field("at", pa.timestamp("s", tz="UTC")),
                pa.field("drops", pa.decimal128(20, 2)),
                pa.field("blob", pa.binary()),
                pa.field("small", pa.uint32()),
                pa.field("text", pa.large_string()),
                pa.field("many", pa.large_list(pa.string())),
                pa.field("any", pa.string(), metadata=JSON),
            ]
        )
    )
    fitting = {
        "at": "2026-11-22T12:01:40Z",
        "drops": "12.5",
        "blob": "00FF",
        "small": 4294967295,
        "text": "é",
        "many": ["a"],
        "any": {"b": [1, None]},
    }
    odd: list[dict[str, Any]] = [
        {"at": "2026-11-22T12:01:40+00:00"},
        {"at": "yesterday"},
        {"at": 7},
        {"drops": "12.50"},
        {"drops": "1e3"},
        {"drops": "0.001"},
        {"drops": "1" * 19},
        {"drops": "NaN"},
        {"blob": "00ff"},
        {"blob": "zz"},
        {"small": -1},
        {"small": 1.0},
        {"many": "a"},
        {"any": None},
    ]
    encoder = Encoder(schema)
    [batch], failures, partial = encoder.encode([fitting, *odd])
    assert not failures
    assert partial == odd
    assert same(list(records_of(batch)), [fitting, *odd])


def test_a_type_that_no_json_fills_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"column a\.b has type month_day_nano_interval"):
        Encoder(with_rest(pa.schema({"a": pa.struct({"b": pa.month_day_nano_interval()})})))


def test_nesting_without_end_is_kept_or_refused() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    encoder = encoder_for([{"a": {"a": {"a": 1}}, "n": 0}])
    batches, failures, _ = encoder.encode([{"n": 1}, deep, {"n": 2}])
    assert [record["n"] for batch in batches for record in records_of(batch)] == [1, 2]
    assert "cannot be stored as Parquet" in str(failures[1])


def test_a_huge_string_is_kept() -> None:
    record = {"text": "x" * 50_000_000}
    [batch], _, _ = encoder_for([record]).encode([record])
    assert list(records_of(batch)) == [record]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ({"a": pa.int64()}, {"a": pa.string()}, "a is int64 there and string here"),
        ({"a": pa.int64()}, {"b": pa.int64()}, "a is missing"),
        ({"a": pa.struct({"b": pa.int64()})}, {"a": pa.struct({})}, "a.b is missing"),
        ({"a": pa.list_(pa.int64())}, {"a": pa.list_(pa.string())}, "a: item is int64 there"),
        ({"a": pa.int64()}, {"a": pa.int64(), "b": pa.int64()}, None),
    ],
)
def test_conflicts_of_schemas(old: Any, new: Any, says: str | None) -> None:
    found = conflict(pa.schema(old), pa.schema(new))
    assert found == says or (says is not None and says in str(found))

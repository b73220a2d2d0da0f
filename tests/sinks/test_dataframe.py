"""DataFrames: dtypes, chunks, values that fit no type, both backends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ekspiper.core import BatchError, Collector, ConfigError, MissingExtra
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.dataframe import DataFrameCollector

BACKENDS: Any = ["numpy", "pyarrow"]


def transaction(number: int, **more: Any) -> dict[str, Any]:
    return {
        "TransactionType": "Payment",
        "hash": f"{number:064X}",
        "ledger_index": number,
        "close_time_iso": f"2026-11-22T12:01:{number % 60:02}Z",
        "Fee": {"currency": "XRP", "issuer": "", "value": "10"},
        "meta": {"TransactionResult": "tesSUCCESS", "AffectedNodes": [{"a": number}]},
        **more,
    }


async def gathered(records: Sequence[Any], **options: Any) -> pd.DataFrame:
    collector = DataFrameCollector(**options)
    async with collector:
        await collector.collect(records)
    return collector.to_frame()


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items() if not _is_missing(value)}
        for row in frame.to_dict("records")
    ]


def _is_missing(value: Any) -> bool:
    return not isinstance(value, dict | list) and bool(pd.isna(value))


class TestContract(CollectorContract):
    recoverable = False
    remembers = False
    backend: Any = "numpy"

    async def make(self, tmp_path: Path) -> Collector[Any]:
        self.collector = DataFrameCollector(chunk_rows=7, backend=self.backend)
        return self.collector

    async def stored(self) -> Sequence[Any]:
        return rows(self.collector.to_frame())

    def bad_record(self) -> Any:
        return ["no record"]


class TestContractWithArrow(TestContract):
    backend = "pyarrow"


async def test_dtypes() -> None:
    records = [transaction(1, Flags=5, ok=True, rate=0.5), transaction(2)]
    frame = await gathered(records)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "TransactionType": "category",
        "hash": "string",
        "ledger_index": "Int64",
        "close_time_iso": "datetime64[us, UTC]",
        "Fee": "object",
        "meta": "object",
        "Flags": "Int64",
        "ok": "boolean",
        "rate": "Float64",
    }
    assert frame["close_time_iso"][1] == pd.Timestamp("2026-11-22T12:01:02Z")
    assert frame["Flags"].tolist() == [5, pd.NA]
    assert frame["Fee"][0] is records[0]["Fee"]


async def test_dtypes_of_arrow() -> None:
    frame = await gathered([transaction(1, ok=True, rate=0.5)], backend="pyarrow", flatten=True)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "TransactionType": "category",
        "hash": "string[pyarrow]",
        "ledger_index": "int64[pyarrow]",
        "close_time_iso": "timestamp[us, tz=UTC][pyarrow]",
        "Fee.currency": "string[pyarrow]",
        "Fee.currency_code": "string[pyarrow]",
        "Fee.issuer": "string[pyarrow]",
        "Fee.value": "string[pyarrow]",
        "meta.TransactionResult": "category",
        "meta.AffectedNodes": "object",
        "ok": "bool[pyarrow]",
        "rate": "double[pyarrow]",
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
async def test_chunks_make_no_difference(backend: Any, chunk_rows: int) -> None:
    records = [
        transaction(1),
        {"TransactionType": "OfferCreate", "Flags": 1},
        transaction(3, TransactionType="AMMBid", New="x"),
        {"New": None},
        transaction(5, Flags=2),
    ]
    frame = await gathered(records, backend=backend, chunk_rows=chunk_rows)
    whole = await gathered(records, backend=backend)
    assert list(frame.columns) == list(whole.columns)
    assert frame.dtypes.drop("TransactionType").equals(whole.dtypes.drop("TransactionType"))
    assert str(frame["TransactionType"].dtype) == "category"
    assert rows(frame) == rows(whole)
    assert frame["TransactionType"][1:3].tolist() == ["OfferCreate", "AMMBid"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("chunk_rows", [1, 1000])
async def test_values_that_fit_no_type_are_kept(backend: Any, chunk_rows: int) -> None:
    values = [1, "two", 3.5, True, 2**70, {"a": 1}, [1], "\ud800"]
    times = ["2026-11-22T12:01:02Z", "then", 7]
    records = [{"v": value} for value in values] + [{"some_iso": time} for time in times]
    frame = await gathered(records, backend=backend, chunk_rows=chunk_rows)
    assert frame["v"].tolist()[: len(values)] == values
    assert [type(value) for value in frame["v"].tolist()[: len(values)]] == list(map(type, values))
    assert frame["v"].isna().tolist()[len(values) :] == [True] * 3
    found = [str(value) for value in frame["some_iso"].tolist()[-3:]]
    assert found[1:] == ["then", "7"]


async def test_amounts_as_decimals() -> None:
    record = transaction(1, Memos=[{"Limit": {"currency": "USD", "value": "1e-5"}}])
    before = transaction(1, Memos=[{"Limit": {"currency": "USD", "value": "1e-5"}}])
    frame = await gathered([record], amounts="decimal")
    assert frame["Fee"][0] == {"currency": "XRP", "issuer": "", "value": Decimal(10)}
    assert frame["Memos"][0][0]["Limit"]["value"] == Decimal("0.00001")
    assert record == before, "records are shared"
    frame = await gathered(
        [record, {"Fee": {"currency": "", "value": "unavailable"}}], amounts="decimal", flatten=True
    )
    assert frame["Fee.value"].tolist() == [Decimal(10), "unavailable"]
    assert frame["Memos"][0][0]["Limit"]["value"] == Decimal("0.00001")


async def test_flat_columns() -> None:
    frame = await gathered([{"a": {"b": {"c": 1}, "d": {}}, "e": [{"f": 1}]}], flatten=True)
    assert rows(frame) == [{"a.b.c": 1, "a.d": {}, "e": [{"f": 1}]}]


async def test_chosen_columns_and_dtypes() -> None:
    frame = await gathered(
        [transaction(1), transaction(2)],
        flatten=True,
        columns=["ledger_index", "Fee.value", "missing"],
        schema={"Fee.value": "int64"},
        categories=["hash"],
    )
    assert list(frame.columns) == ["ledger_index", "Fee.value", "missing"]
    assert str(frame["Fee.value"].dtype) == "int64"
    assert frame["missing"].isna().all()
    frame = await gathered([transaction(1)], categories=["hash"])
    assert str(frame["hash"].dtype) == "category"
    with pytest.raises(ConfigError, match="column TransactionType cannot have the dtype"):
        await gathered([transaction(1)], schema={"TransactionType": "int64"})


async def test_only_times_in_iso_8601_become_times() -> None:
    texts = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-22T13:01:40.5+01:00"]
    frame = await gathered([{"a_iso": text, "b_iso": "Nov 22, 2026"} for text in texts])
    assert [str(time) for time in frame["a_iso"]] == [
        "0001-01-01 00:00:00+00:00",
        "9999-12-31 23:59:59+00:00",
        "2026-11-22 12:01:40.500000+00:00",
    ]
    assert list(frame["b_iso"]) == ["Nov 22, 2026"] * 3


async def test_without_records() -> None:
    frame = await gathered([])
    assert frame.shape == (0, 0)
    assert list((await gathered([], columns=["a"])).columns) == ["a"]


async def test_it_goes_on_after_a_frame_was_taken() -> None:
    collector = DataFrameCollector(chunk_rows=2)
    await collector.collect([transaction(1)])
    assert len(collector.to_frame()) == 1
    await collector.collect([transaction(number) for number in range(2, 6)])
    assert len(collector) == 5
    assert collector.to_frame()["ledger_index"].tolist() == [1, 2, 3, 4, 5]
    collector.clear()
    assert len(collector) == len(collector.to_frame()) == 0


async def test_nesting_without_end_fails_alone() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    collector = DataFrameCollector(flatten=True)
    with pytest.raises(BatchError) as caught:
        await collector.collect([{"a": 1}, deep, {"a": 2}])
    assert list(caught.value.failures) == [1]
    assert collector.to_frame()["a"].tolist() == [1, 2]


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match="amounts is string or decimal, not 'float'"):
        DataFrameCollector(amounts="float")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="backend is numpy or pyarrow, not 'polars'"):
        DataFrameCollector(backend="polars")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="chunk_rows must be more than 0, not 0"):
        DataFrameCollector(chunk_rows=0)


def test_without_the_libraries_it_names_the_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[pandas,parquet\]'"):
        DataFrameCollector(backend="pyarrow")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[pandas\]'"):
        DataFrameCollector()


def padded(text: str) -> str:
    """A currency code that says this text."""
    return text.encode().hex().upper().ljust(40, "0")


async def test_flattened_currencies_can_be_read_and_keep_their_code() -> None:
    def paid(currency: str) -> dict[str, Any]:
        return {"Amount": {"currency": currency, "issuer": "rIssuer", "value": "1"}}

    codes = [padded("SOLO"), padded("SOLO"), "USD", padded("USD"), "03" + "AB" * 19]
    frame = await gathered([paid(code) for code in codes], flatten=True)
    assert (frame["Amount.currency"] == "SOLO").sum() == 2
    assert (frame["Amount.currency"] == "USD").sum() == 1, "the code that looks like USD is not"
    assert frame["Amount.currency_code"].tolist() == codes
    assert list(frame.columns)[:2] == ["Amount.currency", "Amount.currency_code"]
    objects = await gathered([paid(codes[0])])
    assert objects["Amount"].tolist() == [paid(codes[0])["Amount"]], "objects are as recorded"


async def test_a_currency_of_another_kind_of_record_is_left_alone() -> None:
    frame = await gathered([{"price": {"currency": padded("SOLO")}}], flatten=True)
    assert frame["price.currency"].tolist() == [padded("SOLO")]
    assert list(frame.columns) == ["price.currency"]


def test_names_are_those_of_the_xrpl_package() -> None:
    derive = pytest.importorskip("ekspiper.xrpl.derive")
    from ekspiper.sinks.dataframe import _currency_name

    words = (
        "SOLO",
        "USD",
        "xrp",
        "XRP",
        "LP 12345678",
        "lp x",
        " SOLO",
        "SOLO ",
        "a",
        "MPT",
        "a.b",
    )
    codes = [*map(padded, words), "USD", "XRP", "00" * 20, "03" + "AB" * 19, "15" + "41" * 19]
    for code in codes:
        name = derive.currency_name(code)
        assert _currency_name(code) == (name.text if name.kind == "text" else code), code

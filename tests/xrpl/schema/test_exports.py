"""Exports hold the recorded records, and are accepted where they go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import ConfigError, MissingExtra
from ekspiper.xrpl.client import RequestError
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import (
    AmmRecords,
    LedgerHeaderRecord,
    TransactionEtl,
    book_offers_record,
)
from ekspiper.xrpl.schema import (
    EXPORTS,
    Field,
    Formats,
    Schema,
    arrow_schema,
    arrow_table,
    bigquery_schema,
    export_schema,
    find_schema,
    json_schema,
    postgres_columns,
    postgres_ddl,
    schema_names,
    schema_rows,
    schema_text,
    transactions_json_schema,
)

pa = pytest.importorskip("pyarrow")
Draft202012Validator = pytest.importorskip("jsonschema").Draft202012Validator

FORMATS = Formats()
Lines = Callable[[str], Any]


@pytest.fixture(scope="module")
def records(recorded_transactions: list[Transaction]) -> list[dict[str, Any]]:
    etl = TransactionEtl()
    return [etl.record(one) for one in recorded_transactions]


@pytest.fixture(scope="module")
def sample(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Up to five of each transaction type and result."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in records:
        kinds.setdefault((one["TransactionType"], one["meta"]["TransactionResult"]), []).append(one)
    return [one for kind in kinds.values() for one in kind[:5]]


def as_record(value: Any, field: Field | None = None) -> Any:
    """What Arrow gives back, as it went in: without nulls, times and JSON as they were."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if field is not None and field.kind == "json":
        return orjson.loads(value)
    if isinstance(value, list):
        return [as_record(one, field) for one in value]
    if isinstance(value, dict):
        fields = {one.name: one for one in field.fields} if field else {}
        return {
            name: as_record(one, fields.get(name)) for name, one in value.items() if one is not None
        }
    return value


def back(table: Any, schema: Schema) -> list[Any]:
    """The records in a table."""
    whole = Field(schema.name, "", "struct", fields=schema.fields)
    return [as_record(row, whole) for row in table.to_pylist()]


def test_arrow_holds_every_recorded_transaction(records: list[dict[str, Any]]) -> None:
    schema = FORMATS.transactions_table()
    assert back(arrow_table(records, schema), schema) == records


def test_arrow_holds_transactions_with_entries_as_structs(sample: list[dict[str, Any]]) -> None:
    schema = FORMATS.transactions_table(nodes="struct")
    assert back(arrow_table(sample, schema), schema) == sample


def test_arrow_holds_what_was_not_recognized(sample: list[dict[str, Any]]) -> None:
    schema = FORMATS.transactions_table()
    record = {**sample[0], "_unrecognized": {"Foo": {"a": [1, None]}}}
    assert back(arrow_table([record], schema), schema) == [record]


async def test_arrow_holds_ledgers_and_books(
    recorded_ledgers: list[Ledger], recorded_lines: Lines
) -> None:
    ledgers = [(await LedgerHeaderRecord().process(one))[0] for one in recorded_ledgers]
    schema = FORMATS.ledgers_table()
    assert back(arrow_table(ledgers, schema), schema) == ledgers
    places = {
        one.ledger_index: {"ledger_hash": one.ledger_hash, "close_time_iso": one.close_time_iso}
        for one in recorded_ledgers
    }
    books = [
        book_offers_record(
            line["request"] | places[line["request"]["ledger_index"]],
            line["response"]["result"],
        )
        for line in recorded_lines("book_offers_v2.jsonl.gz")
    ][::10]
    schema = FORMATS.book_offers_table()
    assert back(arrow_table(books, schema), schema) == books
    validator = Draft202012Validator(json_schema(schema))
    assert [error.message for one in books[::10] for error in validator.iter_errors(one)] == []


class RecordedPools:
    """Answers `amm_info` from the recording."""

    def __init__(self, lines: Lines) -> None:
        self._answers = {
            (line["request"]["amm_account"], line["request"]["ledger_index"]): line["response"]
            for line in lines("amm_info_v2.jsonl.gz")
        }

    async def request(self, request: dict[str, Any], *, ledger_index: int) -> dict[str, Any]:
        answer = self._answers.get((request["amm_account"], ledger_index), {})
        if "result" not in answer:
            raise RequestError("actNotFound", None, request)
        result: dict[str, Any] = answer["result"]
        return result


async def test_arrow_and_json_schema_hold_pools(
    recorded_ledgers: list[Ledger], recorded_lines: Lines
) -> None:
    schema = FORMATS.amms_table()
    validator = Draft202012Validator(json_schema(schema))
    for pool in (RecordedPools(recorded_lines), None):
        ask = AmmRecords(pool)
        pools = [one for ledger in recorded_ledgers for one in await ask.process(ledger)]
        assert {"amm_info", "metadata"} >= {one["source"] for one in pools}
        assert back(arrow_table(pools, schema), schema) == pools
        assert [error.message for one in pools for error in validator.iter_errors(one)] == []


def test_arrow_types() -> None:
    schema = arrow_schema(FORMATS.transactions_table())
    assert schema.field("Sequence").type == pa.int64()
    assert schema.field("TransactionType").type == pa.string()
    assert schema.field("close_time_iso").type == pa.timestamp("s", tz="UTC")
    assert schema.field("Paths").type.value_field.type.field("steps").type.value_type
    assert schema.field("_unrecognized").metadata == {b"ekspiper": b"json"}


def test_json_schema_accepts_the_recorded_transactions(sample: list[dict[str, Any]]) -> None:
    schema = transactions_json_schema(FORMATS)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for record in sample[::4]:
        assert [error.message for error in validator.iter_errors(record)] == []


def test_without_pyarrow_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[parquet\]'"):
        arrow_schema(FORMATS.ledgers_table())
    assert export_schema("ledgers", "bigquery")


def changed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**record, **changes}


def test_json_schema_refuses_what_does_not_fit(sample: list[dict[str, Any]]) -> None:
    validator = Draft202012Validator(transactions_json_schema(FORMATS))
    good = next(one for one in sample if one["TransactionType"] == "Payment")
    node = next(iter(good["meta"]["AffectedNodes"][0].values()))
    strange = orjson.loads(orjson.dumps(good))
    next(iter(strange["meta"]["AffectedNodes"][0].values()))["FinalFields"]["TakerGets"] = "1"
    assert node["LedgerEntryType"] == "AccountRoot"
    for bad in (
        changed(good, Foo=1),
        changed(good, Fee="20"),
        changed(good, Sequence=-1),
        changed(good, hash="AB"),
        {name: value for name, value in good.items() if name != "Destination"},
        strange,
    ):
        assert not validator.is_valid(bad)
    assert validator.is_valid(changed(good, TransactionType="Novelty", Foo=1))


def test_bigquery_has_every_field_once_and_stays_within_its_limits() -> None:
    for schema in (FORMATS.transactions_table(), FORMATS.transactions_table(nodes="struct")):
        columns = list(walk(bigquery_schema(schema)))
        assert len(columns) < 10_000
        assert max(depth for depth, _ in columns) <= 15
        assert {one["mode"] for _, one in columns} == {"REQUIRED", "NULLABLE", "REPEATED"}
        for _, column in columns:
            names = [one["name"].lower() for one in column.get("fields", ())]
            assert len(names) == len(set(names))
            assert (column["type"] == "RECORD") == bool(names)


def walk(columns: list[dict[str, Any]], depth: int = 1) -> Iterator[tuple[int, dict[str, Any]]]:
    for column in columns:
        yield depth, column
        yield from walk(column.get("fields", []), depth + 1)


@pytest.fixture
def psql() -> Iterator[Callable[[str], str]]:
    """Runs statements in a new PostgreSQL cluster of its own, without a server."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        if user:
            shutil.chown(data, user)
        run = {"user": user, "capture_output": True, "text": True, "cwd": folder}
        subprocess.run(["initdb", "-D", folder, "-A", "trust"], check=True, **run)

        def execute(statements: str) -> str:
            command = ["postgres", "--single", "-j", "-D", folder, "postgres"]
            done = subprocess.run(command, input=statements, **run)
            assert "ERROR" not in done.stderr, done.stderr
            return str(done.stdout)

        yield execute


def test_postgres_accepts_every_table(
    psql: Callable[[str], str], sample: list[dict[str, Any]]
) -> None:
    names = schema_names(FORMATS)
    statements = [export_schema(name, "postgres", FORMATS).decode().rstrip() for name in names]
    columns = postgres_columns(FORMATS.transactions_table())
    assert columns["ctid_"] == "text"
    row = [literal(sample[0].get(name), kind) for name, kind in columns.items()]
    insert = f'INSERT INTO "transactions" VALUES ({", ".join(row)});'
    select = (
        'SELECT "TransactionType", "Fee"->>\'value\' AS fee, close_time_iso'
        " AT TIME ZONE 'UTC' AS closed FROM transactions;"
    )
    split = chain.from_iterable(one.replace(";\n", ";\n\n").split("\n\n") for one in statements)
    shown = psql("\n\n".join([*split, insert, select, ""]))
    assert f'"{sample[0]["TransactionType"]}"' in shown
    assert 'fee = "20"' in shown
    assert 'closed = "2026-11-22 12:01:40"' in shown


def test_each_table_of_postgres_has_an_index_of_its_own() -> None:
    ddl = postgres_ddl(FORMATS.transactions_table(), table="raw.copy")
    assert ddl.endswith(
        'CREATE INDEX IF NOT EXISTS "copy_ledger_index_idx" ON "raw"."copy" ("ledger_index");\n'
    )


def literal(value: Any, kind: str) -> str:
    if value is None:
        return "NULL"
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return "'" + text.replace("'", "''") + f"'::{kind}"


def test_every_schema_has_every_export() -> None:
    for name in schema_names(FORMATS):
        for format in EXPORTS.keys() - {"arrow"}:
            assert export_schema(name, format, FORMATS).endswith(b"\n")
        with pa.ipc.open_stream(export_schema(name, "arrow", FORMATS)) as stream:
            assert stream.schema.equals(arrow_schema(find_schema(name, FORMATS)))
    assert json.loads(export_schema("Payment", "bigquery"))[0]["name"] == "TransactionType"


def test_an_entry_that_is_called_as_a_transaction_has_a_schema_too() -> None:
    names = schema_names(FORMATS)
    assert len(names) == len(set(names))
    assert "DepositPreauth" in names
    assert "TransactionType" in find_schema("DepositPreauth")
    assert "entry.DepositPreauth" in names
    assert "LedgerEntryType" in find_schema("entry.DepositPreauth")
    assert find_schema("entry.Offer") == find_schema("Offer")


def test_a_wrong_name_lists_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'Paymnt'; nearest: Payment"):
        find_schema("Paymnt")
    with pytest.raises(ConfigError, match="known: arrow, bigquery, json-schema, postgres"):
        export_schema("Payment", "avro")


def test_a_schema_as_text() -> None:
    text = schema_text(find_schema("CheckCash"))
    assert "CheckCash: CheckCash transactions" in text
    assert "CheckID" in text
    rows = schema_rows(find_schema("Payment"), depth=3)
    assert ("Amount.value", "Text", "required") in rows
    assert ("Paths[].steps[]", "PathStep", "required") in rows

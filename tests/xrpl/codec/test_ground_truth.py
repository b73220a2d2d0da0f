"""Every recorded blob decodes to what the server printed for it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.codec import Decoder, Definitions, transaction_index

from .conftest import MADE_UP, Printed, printed

pytestmark = pytest.mark.usefixtures("either_codec")

NAMES = Definitions.bundled().fields
AMOUNTS = {name for name, field in NAMES.items() if field.type == "Amount"}
UINT64 = {name for name, field in NAMES.items() if field.type == "UInt64"}

# What servers and archives of all times add to a transaction.
ADDED = {"DeliverMax", "ctid", "close_time_iso", "date", "hash", "ledger_index", "validated"}


def lines(path: Path) -> Iterator[Any]:
    with gzip.open(path) as file:
        for line in file:
            yield orjson.loads(line)


def results(path: Path) -> Iterator[dict[str, Any]]:
    for line in lines(path):
        yield line["response"]["result"]


def as_record(value: Any, key: str = "") -> Any:
    """The shape of records, from what the server printed."""
    if key == "Paths":
        return [{"steps": path} for path in value]
    if key in AMOUNTS and isinstance(value, str):
        return {"currency": "XRP", "issuer": "", "value": value}
    if key in AMOUNTS and "mpt_issuance_id" in value:
        return {"currency": "", "issuer": "", **value}
    if isinstance(value, dict):
        return {name: as_record(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [as_record(member) for member in value]
    return value


def as_printed_now(value: Any, key: str = "") -> Any:
    """What today's servers print, from what those of 2013 did."""
    if isinstance(value, dict):
        return {
            name: as_printed_now(member, name)
            for name, member in value.items()
            if name != "type_hex"
        }
    if isinstance(value, list):
        return [as_printed_now(member) for member in value]
    if key in UINT64:
        return value.lstrip("0").lower() or "0"
    return value


def check(each: Printed, server: Decoder, record: Decoder) -> None:
    assert server.transaction(each.tx_blob) == each.tx_json
    assert server.metadata(each.meta_blob) == each.meta
    assert record.transaction(each.tx_blob) == as_record(each.tx_json)
    assert record.metadata(each.meta_blob) == as_record(each.meta)
    assert transaction_index(each.meta_blob) == each.meta["TransactionIndex"]


def test_transactions_in_the_project(transactions: list[Printed]) -> None:
    server, record = Decoder(), Decoder(shape="record")
    for each in transactions:
        check(each, server, record)
    assert len(transactions) == 9
    assert not server.drift
    assert not record.drift


def test_every_recorded_transaction(shared_data: Path) -> None:
    recording = shared_data / "recording"
    server, record = Decoder(), Decoder(shape="record")
    count = 0
    for binary, as_json in zip(
        results(recording / "ledger_v2_binary.jsonl.gz"),
        results(recording / "ledger_v2.jsonl.gz"),
        strict=True,
    ):
        for each in printed(binary, as_json):
            check(each, server, record)
            count += 1
    assert count == 7829
    assert not server.drift


def test_every_recorded_object(shared_data: Path) -> None:
    recording = shared_data / "recording"
    expected = {
        entry.pop("index"): entry
        for result in results(recording / "ledger_data_v2_302.jsonl.gz")
        for entry in result["state"]
    }
    assert len(expected) == 2085
    server, record = Decoder(), Decoder(shape="record")
    for result in results(recording / "ledger_data_v2_binary_302.jsonl.gz"):
        for entry in result["state"]:
            blob, fields = bytes.fromhex(entry["data"]), expected.pop(entry["index"])
            assert server.ledger_object(blob) == fields
            assert record.ledger_object(blob) == as_record(fields)
    assert not expected


def test_the_servers_own_definitions_decode_alike(
    shared_data: Path, transactions: list[Printed]
) -> None:
    misc = results_of_command(shared_data / "recording" / "misc.jsonl.gz", "server_definitions")
    decoder = Decoder(Definitions.from_server(misc))
    for each in transactions:
        assert decoder.transaction(each.tx_blob) == each.tx_json
        assert decoder.metadata(each.meta_blob) == each.meta
    assert not decoder.drift


def results_of_command(path: Path, command: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        line["response"]["result"] for line in lines(path) if line["request"]["command"] == command
    )
    return found


def test_every_mainnet_transaction(shared_data: Path) -> None:
    server = Decoder()
    count = 0
    for line in lines(shared_data / "mainnet" / "ledgers.jsonl.gz"):
        rows = {row["hash"]: row for row in line["json"].get("transactions", [])}
        for row in line["binary"]["transactions"]:
            found = rows[row["hash"]]
            meta = found.pop("metaData", None) or found.pop("meta")
            # One archive nests the transaction and gives hash and date beside it.
            fields = found.get("tx", found)
            expected = {key: value for key, value in fields.items() if key not in ADDED}
            assert server.transaction(bytes.fromhex(row["tx_blob"])) == as_printed_now(expected)
            assert server.metadata(bytes.fromhex(row["meta_blob"])) == as_printed_now(
                {key: value for key, value in meta.items() if key not in MADE_UP}
            )
            count += 1
    assert count == 980
    assert not server.drift

"""An audit finds every way in which written files can be wrong."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.audit import AuditReport, encode_record
from ekspiper.xrpl.audit import audit as audit_by_bundled
from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.codec import Decoder, Definitions, Encoder
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording

pytestmark = pytest.mark.usefixtures("either_codec")

with Recording.sample() as _recording:
    DEFINITIONS = Definitions.bundled().extended_by(_recording.definitions)
_DECODER = Decoder(DEFINITIONS, shape="record")


def audit(folder: Path, **options: Any) -> AuditReport:
    """An audit by the definitions of the sample's network, as it is with `--network`."""
    return audit_by_bundled(folder, **{"definitions": DEFINITIONS, **options})


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    records = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    change(records)
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))


def test_a_good_folder_has_no_faults(folder: Path) -> None:
    report = audit(folder, deep=True)
    assert report.faults == []
    assert str(report.ledgers) == "468-481"
    assert not report.gaps
    lines = (folder / "transactions.jsonl").read_bytes().count(b"\n")
    assert report.transactions == lines > 100


def test_a_missing_ledger_is_a_gap(folder: Path) -> None:
    rewrite(folder / "ledgers.jsonl", lambda records: records.pop(6))
    report = audit(folder)
    assert str(report.gaps) == "474"
    assert any("ledger 474" in fault and "no record of it" in fault for fault in report.faults)


def test_a_missing_transaction_is_named(folder: Path) -> None:
    rewrite(folder / "transactions.jsonl", lambda records: records.pop(3))
    faults = audit(folder).faults
    assert any("transactions, its record says" in fault for fault in faults)


def test_a_doubled_transaction_is_found(folder: Path) -> None:
    rewrite(folder / "transactions.jsonl", lambda records: records.insert(1, records[0]))
    assert any("more than once" in fault for fault in audit(folder).faults)


def test_a_doubled_ledger_is_found(folder: Path) -> None:
    rewrite(folder / "ledgers.jsonl", lambda records: records.append(records[0]))
    assert any("recorded more than once" in fault for fault in audit(folder).faults)


def test_transactions_out_of_order_are_found(folder: Path) -> None:
    def swap(records: list[dict[str, Any]]) -> None:
        records[0], records[1] = records[1], records[0]

    rewrite(folder / "transactions.jsonl", swap)
    assert any(fault.endswith(": 1 stands where 0 should") for fault in audit(folder).faults)


@pytest.mark.parametrize("field", ["total_coins", "close_time", "close_flags"])
def test_a_changed_header_does_not_hash(folder: Path, field: str) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[2][field] = type(records[2][field])(int(records[2][field]) + 1)

    rewrite(folder / "ledgers.jsonl", change)
    assert any("its header hashes to" in fault for fault in audit(folder).faults)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("ledger_index", float),
        ("close_time", float),
        ("close_time", str),
        ("close_flags", bool),
        ("close_time_resolution", float),
        ("transaction_count", float),
        ("total_coins", int),
        ("total_coins", lambda coins: f"0{coins}"),
        ("account_hash", str.lower),
        ("account_hash", lambda digits: f"{digits[:2]} {digits[2:]}"),
        ("parent_hash", str.lower),
        ("signed_by", str),
        ("note", lambda _: "checked"),
    ],
)
def test_a_ledger_is_recorded_in_one_way_only(
    folder: Path, field: str, change: Callable[[Any], Any]
) -> None:
    """Each change leaves the header as it was, so that its hash does not show it."""

    def rewritten(records: list[dict[str, Any]]) -> None:
        records[2][field] = change(records[2].get(field))

    rewrite(folder / "ledgers.jsonl", rewritten)
    (fault,) = audit(folder).faults
    assert fault.startswith("ledger 470: ")
    assert field in fault


def test_a_broken_chain_is_found(folder: Path) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[2]["parent_hash"] = "0" * 64

    rewrite(folder / "ledgers.jsonl", change)
    assert any("its parent is" in fault for fault in audit(folder).faults)


def test_only_a_deep_audit_sees_a_changed_field(folder: Path) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[0]["Fee"]["value"] = "999"

    rewrite(folder / "transactions.jsonl", change)
    assert audit(folder).faults == []
    assert any("hash to another id" in fault for fault in audit(folder, deep=True).faults)


def test_only_a_deep_audit_sees_changed_metadata(folder: Path) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[0]["meta"]["AffectedNodes"].pop()

    rewrite(folder / "transactions.jsonl", change)
    assert audit(folder).faults == []
    assert any(
        "transaction_hash" in f or "its header says" in f for f in audit(folder, deep=True).faults
    )


def test_a_record_is_encoded_to_its_own_bytes(folder: Path) -> None:
    from ekspiper.xrpl.codec import transaction_id

    for line in (folder / "transactions.jsonl").read_bytes().splitlines()[:50]:
        record = orjson.loads(line)
        assert transaction_id(encode_record(record, Encoder())[0]).hex().upper() == record["hash"]


def test_records_are_encoded_by_the_definitions_that_are_given(folder: Path) -> None:
    known = DEFINITIONS
    older = replace(known, fields={n: f for n, f in known.fields.items() if n != "TakerGets"})
    faults = audit(folder, deep=True, definitions=older).faults
    assert faults
    assert all("TakerGets: the definitions know no such field" in fault for fault in faults)


def test_negative_xrp_amounts_of_early_ledgers_are_encoded(shared_data: Path) -> None:
    found, encoder = 0, Encoder()
    with gzip.open(shared_data / "mainnet" / "ledgers.jsonl.gz") as lines:
        for line in map(orjson.loads, lines):
            for blobs in line["binary"]["transactions"]:
                made = (bytes.fromhex(blobs["tx_blob"]), bytes.fromhex(blobs["meta_blob"]))
                record = {**_DECODER.transaction(made[0]), "meta": _DECODER.metadata(made[1])}
                if _has_negative_xrp(record):
                    found += 1
                    assert encode_record(record, encoder) == made
    assert found


def _has_negative_xrp(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_negative_xrp, value))
    if not isinstance(value, dict):
        return False
    if value.get("currency") == "XRP" and str(value.get("value")).startswith("-"):
        return True
    return any(map(_has_negative_xrp, value.values()))


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("ledgers", "ledger_index", None),
        ("ledgers", "ledger_hash", None),
        ("ledgers", "parent_hash", "zz"),
        ("ledgers", "total_coins", -1),
        ("ledgers", "close_time", {}),
        ("ledgers", "close_time_iso", "2026-11-22T12:00:00Z"),
        ("transactions", "ledger_index", []),
        ("transactions", "hash", 3),
        ("transactions", "meta", None),
        ("transactions", "close_time_iso", ""),
    ],
)
def test_a_value_that_is_none_of_the_ledgers_is_a_fault(
    folder: Path, table: str, field: str, value: object
) -> None:
    rewrite(folder / f"{table}.jsonl", lambda records: records[4].__setitem__(field, value))
    assert audit(folder).faults
    rewrite(folder / f"{table}.jsonl", lambda records: records[4].__delitem__(field))
    assert audit(folder).faults


def test_a_transaction_that_cannot_be_encoded_is_a_fault_and_the_others_are_proven(
    folder: Path,
) -> None:
    rewrite(
        folder / "transactions.jsonl", lambda records: records[0].__setitem__("Account", "nobody")
    )
    report = audit(folder, deep=True)
    (fault,) = report.faults
    assert fault.startswith("ledger 468: transaction ")
    assert "cannot be encoded" in fault
    assert report.proven == 13


async def test_parquet_is_audited_alike(tmp_path: Path) -> None:
    async with open_network("sample") as network:
        folder = OutputFolder(tmp_path, command="backfill", format="parquet")
        job = Backfill(network.pool, ["478:480"], folder)
        await job.plan()
        await job.start().finish()
    report = audit(tmp_path, deep=True)
    assert report.faults == []
    assert str(report.ledgers) == "478-480"
    assert report.proven == len(report.ledgers)
    (file,) = (tmp_path / "transactions").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    for deep in (True, False):
        faults = audit(tmp_path, deep=deep).faults
        assert faults[0].startswith("transactions cannot be read: ")
        assert all("transactions, its record says" in fault for fault in faults[1:])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither"):
        audit(tmp_path)


def test_damaged_lines_are_faults_beside_the_others(folder: Path) -> None:
    path = folder / "ledgers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"[]\n", *lines[3:], b"{torn"]))
    transactions = folder / "transactions.jsonl"
    whole = transactions.read_bytes()
    transactions.write_bytes(b"x" + whole)
    report = audit(folder, deep=True)
    expected = [
        r"ledgers\.jsonl, line 4: not a record",
        # orjson says the reason, each version in its own words.
        r"ledgers\.jsonl, line 16: not JSON, and it is cut off: .+: line 1 column 2 \(char 1\)",
        r"transactions\.jsonl, line 1: not JSON: .+: line 1 column 1 \(char 0\)",
    ]
    for fault, pattern in zip(report.faults, expected, strict=False):
        assert re.fullmatch(pattern, fault)
    assert all(fault.startswith("ledger 468: ") for fault in report.faults[3:])
    assert (len(report.ledgers), report.proven) == (14, 13)


def test_a_ledger_without_its_transactions_is_a_fault_although_the_counts_agree(
    folder: Path,
) -> None:
    def emptied(records: list[dict[str, Any]]) -> None:
        next(r for r in records if r["ledger_index"] == 474)["transaction_count"] = 0

    rewrite(folder / "ledgers.jsonl", emptied)
    rewrite(
        folder / "transactions.jsonl",
        lambda records: records.__setitem__(
            slice(None), [r for r in records if r["ledger_index"] != 474]
        ),
    )
    assert audit(folder).faults == [
        "ledger 474: no transactions, but its header says that there are some"
    ]


def test_an_empty_ledger_is_proven_by_its_header(tmp_path: Path) -> None:
    import asyncio

    async def write() -> None:
        async with open_network("sample") as network:
            job = Backfill(
                network.pool, ["421:540"], OutputFolder(tmp_path / "all", command="backfill")
            )
            await job.plan()
            await job.start().finish()

    asyncio.run(write())
    ledgers = (tmp_path / "all" / "ledgers.jsonl").read_bytes().splitlines()
    assert any(orjson.loads(line)["transaction_count"] == 0 for line in ledgers)
    report = audit(tmp_path / "all", deep=True)
    assert report.faults == []
    assert report.proven == len(report.ledgers) == 120


def _payment(records: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in records if "delivered_amount" in one)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda one: one.update(ctid="C" + "0" * 15), 'ctid is "C000000000000000", not "C0'),
        (lambda one: one.update(ctid="none"), 'ctid is "none", not "C0'),
        (lambda one: one["delivered_amount"].update(value="1"), 'delivered_amount is {"'),
        (lambda one: one.pop("delivered_amount"), 'delivered_amount is missing, not {"'),
    ],
)
def test_what_was_derived_is_derived_again(
    folder: Path, change: Callable[[dict[str, Any]], Any], fault: str
) -> None:
    rewrite(folder / "transactions.jsonl", lambda records: change(_payment(records)))
    report = audit(folder, deep=True)
    assert len(report.faults) == 1
    assert fault in report.faults[0]
    assert report.proven == 13

"""A field of an unknown type hides what comes after it; the record is kept, and says what is missing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import Permanent
from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.codec import Definitions, Encoder, ends_early
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import (
    AmmRecords,
    BookOfferBuilder,
    PaymentSummary,
    TransactionEtl,
    books_touched,
    ledger_record,
)

from .made_ledger import made_ledger
from .older_definitions import older_definitions

# A VaultCreate of a server of version 3.3.
VAULT = json.loads((Path(__file__).parent / "unknown_type.json").read_text())
WITHOUT_NUMBER = older_definitions(types={"Number"})
WITHOUT_UINT64 = older_definitions(types={"UInt64"})

ALICE, BOB = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rrrrrrrrrrrrrrrrrrrrBZbvji"
USD = {"currency": "USD", "issuer": BOB, "value": "5"}


def vault(definitions: Definitions | None = None) -> Ledger:
    blobs = bytes.fromhex(VAULT["tx_blob"]), bytes.fromhex(VAULT["meta_blob"])
    return made_ledger([blobs], definitions=definitions, ledger_index=24, network_id=1021)


def payment(definitions: Definitions | None = None) -> Ledger:
    """A payment that takes part of an offer; without UInt64, what the offer was is unreadable."""
    fields = {
        "TransactionType": "Payment",
        "Account": ALICE,
        "Destination": BOB,
        "Fee": "10",
        "Sequence": 1,
        "SigningPubKey": "",
        "Amount": USD,
    }
    offer = {"Account": BOB, "BookNode": "0", "TakerPays": "6", "TakerGets": USD}
    before = {"TakerPays": "12", "TakerGets": {**USD, "value": "10"}}
    node = {"LedgerEntryType": "Offer", "LedgerIndex": "0C" * 32, "PreviousFields": before}
    meta = {
        "TransactionIndex": 0,
        "TransactionResult": "tesSUCCESS",
        "AffectedNodes": [{"ModifiedNode": {**node, "FinalFields": offer}}],
    }
    encoder = Encoder()
    return made_ledger([(encoder.encode(fields), encoder.encode(meta))], definitions=definitions)


def test_the_record_has_what_was_read_and_the_rest_in_hex() -> None:
    (transaction,) = vault(WITHOUT_NUMBER).transactions
    etl = TransactionEtl(WITHOUT_NUMBER)
    record = etl.record(transaction)
    assert record["hash"] == VAULT["hash"]
    assert record["TransactionType"] == "VaultCreate"
    assert record["Account"] == "rDWmKHafroUXiK34pgU3SUogR8NUjjqcQF"
    assert record["meta"]["TransactionIndex"] == 0
    (node,) = record["meta"]["AffectedNodes"]
    assert node["CreatedNode"]["NewFields"]["Owner"] == record["Account"]
    kept = record["_unrecognized"]
    around = "meta.AffectedNodes[0].CreatedNode.NewFields._unrecognized"
    assert list(kept) == ["_unrecognized", "Asset", "meta.TransactionResult", around]
    assert VAULT["tx_blob"].endswith(kept["_unrecognized"])
    assert VAULT["meta_blob"].endswith(kept[around])
    assert kept["_unrecognized"].startswith("93")  # AssetsMaximum, field 3 of type 9
    assert kept["Asset"] is None
    assert kept["meta.TransactionResult"] is None


def test_the_report_names_the_type_and_what_is_missing() -> None:
    (transaction,) = vault(WITHOUT_NUMBER).transactions
    etl = TransactionEtl(WITHOUT_NUMBER)
    etl.record(transaction)
    found = {(one.problem, one.name): one.count for one in etl.report().drifts}
    assert found == {
        ("unknown_type", "FieldType.9"): 2,
        ("missing_field", "VaultCreate.Asset"): 1,
        ("missing_field", "meta.TransactionResult"): 1,
    }


def test_strict_makes_it_a_dead_letter() -> None:
    (transaction,) = vault(WITHOUT_NUMBER).transactions
    with pytest.raises(Permanent, match=r"unknown type FieldType.9 at _unrecognized, and 3 more"):
        TransactionEtl(WITHOUT_NUMBER, strict=True).record(transaction)


@pytest.mark.parametrize("definitions", [WITHOUT_NUMBER, None], ids=["alone", "with newer ones"])
def test_the_record_is_proven(tmp_path: Path, definitions: Definitions | None) -> None:
    ledger = vault(WITHOUT_NUMBER)
    record = TransactionEtl(WITHOUT_NUMBER).record(ledger.transactions[0])
    (tmp_path / "ledgers.jsonl").write_bytes(orjson.dumps(ledger_record(ledger)))
    table = tmp_path / "transactions.jsonl"
    table.write_bytes(orjson.dumps(record))
    report = audit(tmp_path, deep=True, definitions=definitions)
    assert (report.faults, report.proven) == ([], 1)
    table.write_bytes(orjson.dumps(record).replace(b"FFFFFFFA00101401", b"FFFFFFFA00101402"))
    assert audit(tmp_path, deep=True, definitions=definitions).faults


def test_a_payment_says_that_it_is_incomplete() -> None:
    (whole,), (cut,) = payment().transactions, payment(WITHOUT_UINT64).transactions
    assert whole.is_readable
    assert not cut.is_readable
    record = TransactionEtl(WITHOUT_UINT64).record(cut)
    assert record["delivered_amount"] == {**USD, "value": "unavailable"}
    assert record["_unrecognized"]["meta.TransactionResult"] is None


async def test_summaries_books_and_pools_of_what_was_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole, cut = payment(), payment(WITHOUT_UINT64)
    (summary,) = await PaymentSummary().process(whole.transactions[0])
    assert (summary["result"], summary["offers_consumed"]) == ("tesSUCCESS", 1)
    assert "problem" not in summary
    (summary,) = await PaymentSummary().process(cut.transactions[0])
    assert (
        "part of the metadata is of a type that the definitions do not know" in summary["problem"]
    )
    assert not summary.keys() & {"result", "offers_consumed"}
    builder = BookOfferBuilder()
    assert len(await builder.process(whole)) == 2
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert len(await builder.process(cut)) == 2  # from what the offer was before
    (said,) = caplog.records
    assert "books and pools may be missing" in said.getMessage()
    assert await AmmRecords().process(cut) == []


def test_a_node_of_a_kind_that_nobody_knows_hides_no_book() -> None:
    definitions = older_definitions(fields={"DeletedNode"})
    encoder = Encoder()
    gone = {"DeletedNode": {"LedgerEntryType": "Offer", "LedgerIndex": "0E" * 32}}
    meta = encoder.encode(
        {"TransactionIndex": 0, "TransactionResult": "tesSUCCESS"}
        | {"AffectedNodes": [gone, *payment().transactions[0].meta["AffectedNodes"]]}
    )
    ledger = made_ledger([(payment().transactions[0].tx_blob, meta)], definitions=definitions)
    (transaction,) = ledger.transactions
    assert len(books_touched([transaction.meta])) == 2
    record = TransactionEtl(definitions).record(transaction)
    assert len(record["meta"]["AffectedNodes"]) == 1
    (path,) = record["_unrecognized"]
    assert path == "meta.AffectedNodes[0]"


@pytest.mark.parametrize(
    ("fields", "early"),
    [
        ({}, False),
        ({"a": 1}, False),
        ({"a": {"b": [{"c": {"_unrecognized": "00"}}]}}, True),
        ({"_unrecognized": "00"}, True),
        ({"a": {"b": []}}, False),
    ],
)
def test_ends_early(fields: dict[str, Any], early: bool) -> None:
    assert ends_early(fields) is early

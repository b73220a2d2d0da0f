"""Records of transactions, and what happens to what does not fit."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import Metric, Permanent
from ekspiper.xrpl.codec import Decoder, Definitions
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import TransactionEtl
from ekspiper.xrpl.verify import parse_ledger

Lines = Callable[[str], Any]
# Every third ledger is read as servers print it, another third each time: all take half a minute.
PART = 3
ALICE, BOB = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rrrrrrrrrrrrrrrrrrrrBZbvji"
XRP_20 = {"currency": "XRP", "issuer": "", "value": "20"}


def payment(**changes: Any) -> dict[str, Any]:
    """A payment as a server prints it with api_version 2; None takes a field out."""
    fields = {
        "Account": ALICE,
        "Amount": "1000",
        "Destination": BOB,
        "Fee": "20",
        "Sequence": 1,
        "SigningPubKey": "",
        "TransactionType": "Payment",
    } | changes
    node = {
        "LedgerEntryType": "AccountRoot",
        "LedgerIndex": "0" * 64,
        "FinalFields": {"Balance": "5"},
    }
    return {
        "tx_json": {name: value for name, value in fields.items() if value is not None},
        "meta": {
            "AffectedNodes": [{"ModifiedNode": node}],
            "TransactionIndex": 0,
            "TransactionResult": "tesSUCCESS",
        },
        "hash": "A" * 64,
        "ledger_index": 5_000_000,
        "ledger_hash": "B" * 64,
        "close_time_iso": "2026-11-22T12:01:40Z",
        "validated": True,
    }


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """The fields of the one affected node of `payment`."""
    fields: dict[str, Any] = item["meta"]["AffectedNodes"][0]["ModifiedNode"]["FinalFields"]
    return fields


def test_every_recorded_transaction_fits(recorded_transactions: list[Transaction]) -> None:
    etl = TransactionEtl()
    records = [etl.record(transaction) for transaction in recorded_transactions]
    assert not etl.report()
    assert etl.report().records == len(records) == 7829
    assert len({record["hash"] for record in records}) == 7829


def test_json_of_both_api_versions_makes_the_same_records(
    recorded_ledgers: list[Ledger], recorded_lines: Lines
) -> None:
    etl = TransactionEtl()
    versions = (recorded_lines(f"ledger_v{version}.jsonl.gz") for version in (2, 1))
    for ledger, *lines in islice(zip(recorded_ledgers, *versions, strict=True), 0, None, PART):
        records = {one.hash: etl.record(one) for one in ledger.transactions}
        place = {
            "ledger_index": ledger.ledger_index,
            "ledger_hash": ledger.ledger_hash,
            "close_time_iso": ledger.close_time_iso,
        }
        for line in lines:
            for item in line["response"]["result"]["ledger"]["transactions"]:
                # In api_version 1 only the ledger around it says where a transaction is.
                assert etl.normalise(item | place) == records[item["hash"]]
    assert not etl.report()


def test_the_stream_makes_the_same_records(
    recorded_transactions: list[Transaction], recorded_lines: Lines
) -> None:
    etl = TransactionEtl()
    records = {one.hash: etl.record(one) for one in recorded_transactions}
    messages = recorded_lines("stream_v2.jsonl.gz")
    items = [message for message in messages if message["type"] == "transaction"]
    assert len(items) == 7829
    for item in items[1::PART]:
        assert etl.normalise(item) == records[item["hash"]]


def test_delivered_amounts_are_the_servers(recorded_lines: Lines) -> None:
    etl = TransactionEtl()
    for line in islice(recorded_lines("ledger_v2.jsonl.gz"), 1, None, PART):
        for item in line["response"]["result"]["ledger"]["transactions"]:
            printed = item["meta"].get("delivered_amount")
            if isinstance(printed, str):
                printed = {"currency": "XRP", "issuer": "", "value": printed}
            assert etl.normalise(item).get("delivered_amount") == printed


def test_our_own_record_is_normal_already() -> None:
    record = TransactionEtl().normalise(payment())
    assert TransactionEtl().normalise(record) == record


def test_our_own_record_with_what_did_not_fit_is_normal_already() -> None:
    item = payment(Foo=1, Sequence="1", Memos=[{"Foo": {}}, {"Memo": {"MemoData": "AB"}}])
    shown(item)["Bar"] = 2
    record = TransactionEtl().normalise(item)
    assert len(record["_unrecognized"]) == 4
    assert record["Memos"] == [{"Memo": {"MemoData": "AB"}}]
    assert TransactionEtl().normalise(record) == record


@pytest.mark.parametrize(
    ("field", "printed", "recorded"),
    [
        ("OwnerNode", "000000000000000A", "a"),  # by older servers
        ("InvoiceID", "ab" * 32, "AB" * 32),
        ("Paths", [[{"account": BOB, "type": 1, "type_hex": "0000000000000001"}]], None),
    ],
)
def test_every_way_of_printing_a_value_gives_one_record(
    field: str, printed: Any, recorded: Any
) -> None:
    expected = [{"steps": [{"account": BOB, "type": 1}]}] if recorded is None else recorded
    record = TransactionEtl().normalise(payment(**{field: printed}))
    found = record.get(field, record.get("_unrecognized", {}).get(field))
    assert found == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["Paths", "Memos", "Fee", "Signers", "TransactionType", "OwnerNode", "Foo"])


@given(NAMES, VALUES, st.booleans())
def test_no_json_is_too_strange(name: str, value: Any, in_metadata: bool) -> None:
    item = payment()
    (shown(item) if in_metadata else item["tx_json"])[name] = value
    with suppress(Permanent):
        record = TransactionEtl().normalise(item)
        assert name in record or name in str(record) or value is None


def test_the_record_of_a_payment() -> None:
    item = payment()
    del item["tx_json"]["Amount"]
    item["tx_json"]["DeliverMax"] = "1000"
    record = TransactionEtl(network_id=21337).normalise(item)
    assert record["Amount"] == {"currency": "XRP", "issuer": "", "value": "1000"}
    assert record["delivered_amount"] == record["Amount"]
    assert record["Fee"] == XRP_20
    assert shown(record) == {"Balance": {"currency": "XRP", "issuer": "", "value": "5"}}
    assert record["ctid"] == "C04C4B4000005359"
    assert record["close_time_iso"] == "2026-11-22T12:01:40Z"
    assert "DeliverMax" not in record


def test_the_item_is_left_as_it_was() -> None:
    item, same = payment(Foo=1), payment(Foo=1)
    TransactionEtl().normalise(item)
    assert item == same


@pytest.mark.parametrize(
    ("changes", "problem", "kept"),
    [
        ({"Foo": {"a": 1}}, "unknown_field", {"Foo": {"a": 1}}),
        ({"Sequence": "1"}, "wrong_type", {"Sequence": "1"}),
        ({"Sequence": -1}, "wrong_type", {"Sequence": -1}),
        ({"Sequence": 2**32}, "wrong_type", {"Sequence": 2**32}),
        ({"Sequence": True}, "wrong_type", {"Sequence": True}),
        ({"Fee": "a"}, "wrong_type", {"Fee": "a"}),
        ({"Fee": 20}, "wrong_type", {"Fee": 20}),
        ({"SendMax": {"currency": "USD", "issuer": ALICE}}, "wrong_type", None),
        ({"SendMax": {"currency": "USD", "issuer": ALICE, "value": "NaN"}}, "wrong_type", None),
        ({"InvoiceID": "AB"}, "wrong_type", {"InvoiceID": "AB"}),
        ({"Account": None}, "missing_field", {"Account": None}),
        ({"Paths": [[{"account": 1}]]}, "wrong_type", {"Paths": [[{"account": 1}]]}),
        ({"Paths": {}}, "wrong_type", {"Paths": {}}),
        ({"Memos": [{"Memo": {"Bar": 1}}]}, "unknown_field", {"Memos[0].Memo.Bar": 1}),
        ({"Memos": [{"Foo": {}}]}, "unknown_field", {"Memos[0]": {"Foo": {}}}),
        ({"Memos": [1]}, "wrong_type", {"Memos": [1]}),
        ({"CredentialIDs": ["AB"]}, "wrong_type", {"CredentialIDs": ["AB"]}),
    ],
)
def test_what_does_not_fit_is_kept_and_counted(
    changes: dict[str, Any], problem: str, kept: dict[str, Any] | None
) -> None:
    etl = TransactionEtl()
    record = etl.normalise(payment(**changes))
    (drift,) = etl.report().drifts
    assert (drift.problem, drift.count) == (problem, 1)
    assert drift.ledger_index == 5_000_000
    assert record.get("_unrecognized", {}) == (changes if kept is None else kept)
    assert not record.keys() & (record.get("_unrecognized") or {}).keys()


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ({"ledger_index": "5000000"}, {}),
        ({"ledger_index": "five"}, {"ledger_index": "five"}),
        ({"ledger_index": True}, {"ledger_index": True}),
        ({"hash": 1, "ledger_hash": None}, {"hash": 1}),
        ({"close_time_iso": None, "date": 848_664_100}, {}),
        ({"close_time_iso": 1, "date": "x"}, {"close_time_iso": 1}),
        ({"close_time_iso": 1, "date": 848_664_100}, {"close_time_iso": 1}),
        ({"close_time_iso": "2026-11-22T13:01:40.000+01:00"}, {}),
        ({"ledger_index": -1}, {"ledger_index": -1}),
        ({"ledger_index": 1 << 32}, {"ledger_index": 1 << 32}),
        ({"hash": "AB"}, {"hash": "AB"}),
    ],
)
def test_where_it_stands_is_checked_too(place: dict[str, Any], kept: dict[str, Any]) -> None:
    record = TransactionEtl().normalise({**payment(), **place})
    assert record.get("_unrecognized", {}) == kept
    assert type(record.get("ledger_index", 0)) is int
    assert record.get("close_time_iso", "2026-11-22T12:01:40Z") == "2026-11-22T12:01:40Z"


def test_metadata_without_its_index_is_reported() -> None:
    item = payment()
    del item["meta"]["TransactionIndex"], item["meta"]["TransactionResult"]
    etl = TransactionEtl()
    record = etl.normalise(item)
    assert "ctid" not in record
    names = {drift.name for drift in etl.report().drifts}
    assert names == {"meta.TransactionIndex", "meta.TransactionResult"}


def test_what_does_not_fit_in_metadata_is_kept_and_counted() -> None:
    item = payment()
    shown(item)["Foo"] = 1
    etl = TransactionEtl()
    record = etl.normalise(item)
    assert shown(record).keys() == {"Balance"}
    path = "meta.AffectedNodes[0].ModifiedNode.FinalFields.Foo"
    assert record["_unrecognized"] == {path: 1}
    assert [drift.name for drift in etl.report().drifts] == ["AccountRoot.Foo"]


@pytest.mark.parametrize("result", ["tecNOVEL", 220])
def test_an_unknown_result_is_reported(result: Any) -> None:
    item = payment()
    item["meta"]["TransactionResult"] = result
    etl = TransactionEtl()
    record = etl.normalise(item)
    assert record["meta"]["TransactionResult"] == str(result)
    assert record["_unrecognized"] == {"meta.TransactionResult": result}
    assert [(one.problem, one.name) for one in etl.report().drifts] == [
        ("unknown_type", f"TransactionResult.{result}")
    ]


def test_an_unknown_entry_keeps_its_fields() -> None:
    item = payment()
    item["meta"]["AffectedNodes"][0]["ModifiedNode"]["LedgerEntryType"] = "Novelty"
    etl = TransactionEtl()
    record = etl.normalise(item)
    assert shown(record) == {"Balance": {"currency": "XRP", "issuer": "", "value": "5"}}
    assert [drift.name for drift in etl.report().drifts] == ["LedgerEntryType.Novelty"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"ctid": "C04C4B4000000002"}, "C04C4B4000000002"),
        ({"ctid": "C04C4B4000010002"}, "C04C4B4000000007"),  # of another transaction
        ({"ctid": "nonsense"}, "C04C4B4000000007"),
        ({"ctid": 5}, "C04C4B4000000007"),
        ({"network_id": 21}, "C04C4B4000000015"),
        ({}, "C04C4B4000000007"),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_the_network_that_the_answer_names_is_in_the_ctid(
    named: dict[str, Any], expected: str, flat: bool
) -> None:
    etl, item = TransactionEtl(network_id=7), payment() | named
    if flat:  # as api_version 1
        item |= item.pop("tx_json")
    assert etl.normalise(item)["ctid"] == expected
    own = payment(NetworkID=5) | named
    assert etl.normalise(own)["ctid"] == "C04C4B4000000005"


async def test_what_belongs_to_the_answer_is_no_part_of_the_record() -> None:
    answer = {
        "warnings": [{"id": 2001, "message": "This is a clio server"}],
        "warning": "load",
        "forwarded": True,
        "api_version": 1,
        "id": 7,
        "type": "response",
        "status": "success",
        "network_id": 0,
    }
    item = payment()
    (expected,) = await TransactionEtl(strict=True).process(item)
    flat = {**item.pop("tx_json"), **item, **answer}
    assert await TransactionEtl(strict=True).process(flat) == (expected,)
    assert await TransactionEtl(strict=True).process(payment() | answer) == (expected,)


async def test_strict_makes_it_a_dead_letter() -> None:
    etl = TransactionEtl(strict=True)
    with pytest.raises(Permanent, match=r"ledger 5000000 .* unknown field Payment.Foo at Foo"):
        await etl.process(payment(Foo=1))
    assert etl.report().drifted == 1
    (record,) = await etl.process(payment())
    assert record["Sequence"] == 1


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"tx_blob": "00", "meta": {}}, "no TransactionType"),
        ({"TransactionType": "Payment", "hash": "AB", "meta": "00"}, "AB: it has no metadata"),
        (
            payment() | {"close_time_iso": "soon"},
            "close_time_iso is not a time of the ledger: 'soon'",
        ),
        (
            payment() | {"close_time_iso": None, "date": 1 << 40},
            "date is not a time of the ledger: 1099511627776",
        ),
        (["Payment"], "a transaction is an object, and this is list"),
    ],
)
def test_what_is_not_a_transaction_is_refused(item: Any, message: str) -> None:
    with pytest.raises(Permanent, match=message):
        TransactionEtl().normalise(item)


def with_bytes(one: Transaction, tail: str, *, decoder: Decoder | None = None) -> Transaction:
    """The transaction with more fields at its end."""
    return Transaction(
        tx_blob=one.tx_blob + bytes.fromhex(tail),
        meta_blob=one.meta_blob,
        hash=one.hash,
        index=one.index,
        ledger=one.ledger,
        decoder=decoder or Decoder(shape="record"),
    )


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("20630000007B", {"Unknown_UInt32_99": "0000007B"}),
        ("130007", {"SignerWeight": 7}),
    ],
    ids=["a field that nobody knows", "a field of another object"],
)
def test_decoded_fields_that_the_format_has_not(
    recorded_transactions: list[Transaction], tail: str, kept: dict[str, Any]
) -> None:
    first = recorded_transactions[0]
    record = TransactionEtl().record(with_bytes(first, tail))
    assert record.pop("_unrecognized") == kept
    assert record == TransactionEtl().record(first)


def test_fields_of_a_memo_that_it_has_not(recorded_transactions: list[Transaction]) -> None:
    # Memos: [{Memo: {MemoData: AA, Flags: 7}}]
    transaction = with_bytes(recorded_transactions[0], "F9EA2200000007" + "7D01AA" + "E1F1")
    etl = TransactionEtl()
    record = etl.record(transaction)
    assert record["Memos"] == [{"Memo": {"MemoData": "AA"}}]
    assert record["_unrecognized"] == {"Memos[0].Memo.Flags": 7}
    # What the transaction holds decoded is not ours to change.
    assert transaction.fields["Memos"] == [{"Memo": {"Flags": 7, "MemoData": "AA"}}]
    assert [drift.name for drift in etl.report().drifts] == ["Memo.Flags"]


def test_the_rest_after_a_type_that_nobody_knows_is_kept(
    recorded_transactions: list[Transaction],
) -> None:
    # Type 200 has no known length, so that nothing after it can be read.
    transaction = with_bytes(recorded_transactions[0], "01C8AABBCC")
    record = TransactionEtl().record(transaction)
    assert record["_unrecognized"] == {"_unrecognized": "01C8AABBCC"}


def test_real_ledgers_of_all_years_fit(shared_data: Path) -> None:
    """From 2013 to 2025, decoded and as servers printed them."""
    etl, records = TransactionEtl(), dict[str, dict[str, Any]]()
    with gzip.open(shared_data / "mainnet" / "ledgers.jsonl.gz") as file:
        for line in filter(bytes.strip, file):
            recorded = orjson.loads(line)
            answer = {"ledger": recorded["binary"], "ledger_hash": recorded["ledger_hash"]}
            for one in parse_ledger(answer, require_validated=False).transactions:
                records[one.hash] = etl.record(one)
            printed = recorded["json"].get("result", recorded["json"])
            for item in printed.get("ledger", printed)["transactions"]:
                record = etl.normalise(item)
                assert record["meta"] == records[record["hash"]]["meta"]
    assert not etl.report(), str(etl.report())
    assert etl.report().records == 2 * 980


def test_json_and_binary_of_a_newer_network_make_the_same_records(shared_data: Path) -> None:
    """Also where the node has its own name for a field (`MutableFlags`)."""
    folder = shared_data / "network"
    with gzip.open(folder / "misc.jsonl.gz") as file:
        answers = [orjson.loads(line) for line in file]
    (node,) = (a for a in answers if a["request"]["command"] == "server_definitions")
    theirs = Definitions.from_server(node["response"]["result"])
    known = Definitions.bundled().extended_by(theirs)
    etl, decoder = TransactionEtl(known, network_id=1021), Decoder(known, shape="record")
    names: set[str] = set()
    with (
        gzip.open(folder / "ledger_v2_binary.jsonl.gz") as binary,
        gzip.open(folder / "ledger_v2.jsonl.gz") as printed,
    ):
        for one, other in islice(zip(binary, printed, strict=True), 2, None, PART):
            ledger = parse_ledger(orjson.loads(one)["response"]["result"], decoder=decoder)
            made = {each.hash: etl.record(each) for each in ledger.transactions}
            result = orjson.loads(other)["response"]["result"]
            for item in result["ledger"]["transactions"]:
                place = {
                    n: result["ledger"].get(n, result[n]) for n in ("ledger_hash", "ledger_index")
                }
                record = etl.normalise(item | place)
                assert record == made[record["hash"]]
                names |= record.keys()
    assert "MutableFlags" in names
    assert "ImmutableFlags" not in names
    assert not etl.report(), str(etl.report())


def without(definitions: Definitions, type_: str) -> Definitions:
    """The definitions as they were before a transaction type came."""
    types = {k: v for k, v in definitions.transaction_types.items() if k != type_}
    formats = {k: v for k, v in definitions.transaction_formats.items() if k != type_}
    return replace(definitions, transaction_types=types, transaction_formats=formats)


async def test_an_unknown_type_flows_through_with_its_fields(
    recorded_transactions: list[Transaction], recorded_lines: Lines
) -> None:
    older = without(Definitions.bundled(), "OracleSet")
    etl, full = TransactionEtl(older), TransactionEtl()
    decoder = Decoder(older, shape="record")
    oracles = [one for one in recorded_transactions if one.fields["TransactionType"] == "OracleSet"]
    for one in oracles:
        again = Transaction(
            tx_blob=one.tx_blob,
            meta_blob=one.meta_blob,
            hash=one.hash,
            index=one.index,
            ledger=one.ledger,
            decoder=decoder,
        )
        (record,) = await etl.process(again)
        expected = full.record(one)
        assert record.pop("_unrecognized") == {"TransactionType": 51}
        assert record == {**expected, "TransactionType": "51"}
    (drift,) = etl.report().drifts
    assert (drift.problem, drift.name) == ("unknown_type", "TransactionType.51")
    assert drift.count == len(oracles) > 0


def test_an_unknown_type_in_json_keeps_its_name_and_fields() -> None:
    etl = TransactionEtl(without(Definitions.bundled(), "Payment"))
    record = etl.normalise(payment())
    assert record.pop("_unrecognized") == {"TransactionType": "Payment"}
    expected = TransactionEtl().normalise(payment())
    assert record == expected


class Gauge:
    def __init__(self) -> None:
        self.values: list[float] = []

    def record(self, value: float) -> None:
        self.values.append(value)


class Instruments:
    def __init__(self) -> None:
        self.made: dict[tuple[str, ...], Gauge] = {}

    def instrument(self, metric: Metric, **labels: str) -> Gauge:
        return self.made.setdefault((metric.name, *labels.values()), Gauge())


def test_misfits_are_a_metric_with_bounded_labels() -> None:
    instruments = Instruments()
    etl = TransactionEtl(instruments=instruments)
    for number in range(300):
        etl.normalise(payment(**{f"Foo{number}": 1}))
    assert len(instruments.made) == 201
    first = instruments.made["ekspiper_drift_total", "unknown_field", "Payment.Foo0"]
    other = instruments.made["ekspiper_drift_total", "unknown_field", "other"]
    assert (first.values, len(other.values)) == ([1], 100)
    assert "Payment.Foo7: 1 times, first in ledger 5000000" in str(etl.report())

"""A record is proven as it stands: whatever is changed in it is a fault, also where the bytes agree."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.codec import Definitions, Encoder
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import TransactionEtl, ledger_record
from tests.xrpl.made_ledger import made_ledger
from tests.xrpl.older_definitions import older_definitions

ALICE, BOB = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rrrrrrrrrrrrrrrrrrrrBZbvji"
ISSUANCE = "00000006DB93A572DFF0308E068261EA31CCC64D23132904"
USD = {"currency": "USD", "issuer": ALICE, "value": "1"}
NETWORK = 21

COMMON = {"Account": ALICE, "Fee": "12", "Sequence": 7, "Flags": 0, "SigningPubKey": "ED0A"}
TRANSACTIONS: list[dict[str, Any]] = [
    {
        **COMMON,
        "TransactionType": "Payment",
        "Destination": BOB,
        "Amount": {"mpt_issuance_id": ISSUANCE, "value": "12"},
        "SendMax": USD,
        "Paths": [[{"account": BOB}, {"currency": "USD", "issuer": ALICE}], [{"currency": "XRP"}]],
        "Memos": [{"Memo": {"MemoData": "ABCD"}}],
        "InvoiceID": "AB" * 32,
    },
    {
        **COMMON,
        "TransactionType": "VaultCreate",
        "Asset": {"currency": "USD", "issuer": ALICE},
        "AssetsMaximum": "1000",
    },
]
META: dict[str, Any] = {
    "TransactionResult": "tesSUCCESS",
    "AffectedNodes": [
        {
            "ModifiedNode": {
                "LedgerEntryType": "DirectoryNode",
                "LedgerIndex": "0C" * 32,
                "FinalFields": {"RootIndex": "0C" * 32, "IndexNext": "1f", "Owner": BOB},
            }
        },
        {
            "CreatedNode": {
                "LedgerEntryType": "Offer",
                "LedgerIndex": "0D" * 32,
                "NewFields": {"Account": ALICE, "OwnerNode": "a", "TakerGets": USD},
            }
        },
    ],
}


def blobs() -> list[tuple[bytes, bytes]]:
    encoder = Encoder()
    return [
        (encoder.encode(fields), encoder.encode({**META, "TransactionIndex": at}))
        for at, fields in enumerate(TRANSACTIONS)
    ]


def ledger_of(definitions: Definitions) -> Ledger:
    return made_ledger(blobs(), definitions=definitions, network_id=NETWORK)


def records_by(definitions: Definitions) -> list[dict[str, Any]]:
    """As an ekspiper with these definitions wrote them."""
    etl = TransactionEtl(definitions)
    return [etl.record(each) for each in ledger_of(definitions).transactions]


def faults_of(
    folder: Path, records: list[dict[str, Any]], definitions: Definitions | None = None
) -> list[str]:
    header = ledger_record(ledger_of(Definitions.bundled()))
    (folder / "ledgers.jsonl").write_bytes(orjson.dumps(header) + b"\n")
    (folder / "transactions.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in records))
    report = audit(folder, deep=True, definitions=definitions)
    assert report.proven == (not report.faults)
    return report.faults


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return records_by(Definitions.bundled())


def test_as_they_were_written_they_are_proven(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    assert faults_of(tmp_path, records) == []
    assert records[0]["ctid"] == "C04C4B4000000015"


def node(record: dict[str, Any], at: int) -> dict[str, Any]:
    """What metadata shows of an entry."""
    (inner,) = record["meta"]["AffectedNodes"][at].values()
    shown: dict[str, Any] = inner.get("FinalFields") or inner["NewFields"]
    return shown


def steps(record: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = record["Paths"][0]["steps"]
    return found


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "MPT with a currency": lambda r: r["Amount"].update(currency="USD"),
    "MPT with an issuer": lambda r: r["Amount"].update(issuer=ALICE),
    "MPT without a currency": lambda r: r["Amount"].pop("currency"),
    "type of a path step changed": lambda r: steps(r)[0].update(type=16),
    "type of a path step as text": lambda r: steps(r)[0].update(type="1"),
    "type of a path step removed": lambda r: steps(r)[0].pop("type"),
    "type_hex of a path step added": lambda r: steps(r)[0].update(type_hex="0000000000000001"),
    "path as a list": lambda r: r["Paths"].__setitem__(0, steps(r)),
    "member in a path": lambda r: r["Paths"][0].update(more=1),
    "TransactionType as its number in text": lambda r: r.update(TransactionType="0"),
    "TransactionType as its number": lambda r: r.update(TransactionType=0),
    "LedgerEntryType as its number": lambda r: r["meta"]["AffectedNodes"][0]["ModifiedNode"].update(
        LedgerEntryType="100"
    ),
    "TransactionResult as its number": lambda r: r["meta"].update(TransactionResult=0),
    "member in an amount": lambda r: r["SendMax"].update(more="1"),
    "member in an MPT amount": lambda r: r["Amount"].update(more="1"),
    "member in XRP": lambda r: r["Fee"].update(more="1"),
    "member in a path step": lambda r: steps(r)[1].update(more="1"),
    "drops with an underscore": lambda r: r["Fee"].update(value="1_2"),
    "drops with spaces": lambda r: r["Fee"].update(value=" 12 "),
    "drops with a zero": lambda r: r["Fee"].update(value="012"),
    "drops with a plus": lambda r: r["Fee"].update(value="+12"),
    "drops in other digits": lambda r: r["Fee"].update(value="١٢"),
    "drops as a number": lambda r: r["Fee"].update(value=12),
    "XRP as a server prints it": lambda r: r.update(Fee="12"),
    "units with an underscore": lambda r: r["Amount"].update(value="1_2"),
    "value 1.0": lambda r: r["SendMax"].update(value="1.0"),
    "value 1e0": lambda r: r["SendMax"].update(value="1e0"),
    "value 01": lambda r: r["SendMax"].update(value="01"),
    "hex in lower case": lambda r: r["Memos"][0]["Memo"].update(MemoData="abcd"),
    "hex with a space": lambda r: r["Memos"][0]["Memo"].update(MemoData="AB CD"),
    "hash in lower case": lambda r: r.update(InvoiceID="ab" * 32),
    "the record's hash in lower case": lambda r: r.update(hash=r["hash"].lower()),
    "OwnerNode as 0xa": lambda r: node(r, 1).update(OwnerNode="0xa"),
    "OwnerNode as A": lambda r: node(r, 1).update(OwnerNode="A"),
    "OwnerNode with all zeros": lambda r: node(r, 1).update(OwnerNode="000000000000000A"),
    "currency as hex": lambda r: r["SendMax"].update(currency="0" * 24 + "5553440000000000"),
    "currency of a step as hex": lambda r: steps(r)[1].update(
        currency="0" * 24 + "5553440000000000"
    ),
    "ctid removed": lambda r: r.pop("ctid"),
    "ctid of another network": lambda r: r.update(ctid="C04C4B4000000016"),
    "ctid in lower case": lambda r: r.update(ctid="c04c4b4000000015"),
    "ctid null": lambda r: r.update(ctid=None),
    "delivered_amount removed": lambda r: r.pop("delivered_amount"),
    "delivered_amount changed": lambda r: r["delivered_amount"].update(value="1"),
    "an empty element": lambda r: r["Memos"].append({}),
    "two objects in an element": lambda r: r["Memos"][0].update(Signer={}),
    "a number with a fraction": lambda r: r.update(Sequence=7.0),
    "a number that is true": lambda r: r["meta"].update(TransactionIndex=False),
    "a number as text": lambda r: r.update(Flags="0"),
    "a field that is null": lambda r: r.update(SourceTag=None),
    "a field that nobody knows": lambda r: r.update(note="checked"),
    "a field of the answer": lambda r: r.update(validated=True),
    "meta of the answer": lambda r: r["meta"].update(nftoken_id="00"),
    "a note that something is missing": lambda r: r.update(_unrecognized={"Fee": None}),
    "a value that is nowhere": lambda r: r.update(_unrecognized={"Memos[7]": {"Memo": {}}}),
    "a rest that is not there": lambda r: r.update(_unrecognized={"_unrecognized": "01C8AA"}),
    "the time of closing": lambda r: r.update(close_time_iso="2026-11-22T12:01:41Z"),
    "the ledger as text": lambda r: r.update(ledger_index="5000000"),
    "the ledger with a fraction": lambda r: r.update(ledger_index=float(r["ledger_index"])),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_is_a_fault(
    tmp_path: Path, records: list[dict[str, Any]], name: str
) -> None:
    changed = copy.deepcopy(records)
    CHANGES[name](changed[0])
    assert faults_of(tmp_path, changed), name


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (CHANGES["ctid removed"], 'ctid is missing, not "C04C4B4000000015"'),
        (CHANGES["value 1.0"], "the value 1.0 is written 1"),
        (CHANGES["type of a path step removed"], "Paths[0].steps[0].type: missing"),
        (CHANGES["hash in lower case"], 'InvoiceID is "abab'),
    ],
)
def test_the_fault_says_what_differs(
    tmp_path: Path,
    records: list[dict[str, Any]],
    change: Callable[[dict[str, Any]], Any],
    fault: str,
) -> None:
    changed = copy.deepcopy(records)
    change(changed[0])
    (found,) = faults_of(tmp_path, changed)
    assert f"transaction {changed[0]['hash']}" in found
    assert fault in found


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder in a record, and the key of each of its members."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in members:
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2**32), st.floats(0, 9), st.text(max_size=6)
)


def change_somewhere(record: dict[str, Any], data: st.DataObject) -> None:
    """One change of one member: another value, another form of the same, one more, one less."""
    holder, key = data.draw(st.sampled_from([*places(record)]), label="place")
    value = holder[key]
    forms: list[Any] = [data.draw(VALUES), [value], {"value": value}]
    if isinstance(value, str):
        forms += [value.lower(), f"{value} ", f"0{value}", f"{value}.0", value + "\0", [*value]]
    elif isinstance(value, int):
        forms += [str(value), float(value), f"{value:X}", bool(value)]
    elif isinstance(value, list):
        forms += [value[::-1], value[1:], value + value[:1], {"steps": value}]
    else:
        forms += [{**value, data.draw(st.text(max_size=3)): 1}, *value.values()]
    action = data.draw(st.sampled_from(["change", "remove", "rename"]), label="action")
    if action == "change":
        holder[key] = data.draw(st.sampled_from(forms))
    elif action == "remove" or isinstance(holder, list):
        del holder[key]
    else:
        other = data.draw(st.sampled_from([k for _, k in places(record) if isinstance(k, str)]))
        assume(other not in holder)
        holder[other] = holder.pop(key)


@settings(
    max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_changed_is_a_fault(
    tmp_path: Path, records: list[dict[str, Any]], data: st.DataObject
) -> None:
    changed = copy.deepcopy(records)
    change_somewhere(data.draw(st.sampled_from(changed)), data)
    same = orjson.dumps(changed, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        records, option=orjson.OPT_SORT_KEYS
    )
    assume(not same)
    assert faults_of(tmp_path, changed)


OLDER = {
    "a type": {"types": {"Number"}},
    "a type in metadata": {"types": {"UInt64"}},
    "fields": {"fields": {"InvoiceID", "AssetsMaximum", "IndexNext", "TakerGets", "Memo"}},
    "arrays": {"fields": {"Memos", "FinalFields"}},
    "names": {"names": {"VaultCreate", "Offer", "tesSUCCESS"}},
    "everything": {
        "types": {"Number"},
        "fields": {"SendMax", "Owner", "Paths"},
        "names": {"Payment", "DirectoryNode", "tesSUCCESS"},
    },
}


@pytest.mark.parametrize("gone", OLDER)
@pytest.mark.parametrize("network", [False, True], ids=["alone", "with newer definitions"])
def test_what_older_definitions_did_not_know_is_proven_as_well(
    tmp_path: Path, gone: str, network: bool
) -> None:
    older = older_definitions(**OLDER[gone])  # type: ignore[arg-type]
    written = records_by(older)
    assert any("_unrecognized" in record for record in written)
    assert faults_of(tmp_path, written, None if network else older) == []


@pytest.mark.parametrize("network", [False, True], ids=["alone", "with newer definitions"])
def test_what_is_changed_in_what_was_not_known_is_a_fault(tmp_path: Path, network: bool) -> None:
    older = older_definitions(**OLDER["fields"])  # type: ignore[arg-type]
    definitions = None if network else older
    for path, value in records_by(older)[0]["_unrecognized"].items():
        changes: list[Any] = [None, 5] if value is None else [None, str(value).lower(), "0C", {}]
        for changed in changes:
            written = records_by(older)
            if orjson.dumps(changed) == orjson.dumps(value):
                continue
            written[0]["_unrecognized"][path] = changed
            assert faults_of(tmp_path, written, definitions), (path, changed)
        written = records_by(older)
        del written[0]["_unrecognized"][path]
        assert faults_of(tmp_path, written, definitions) or value is None, path

"""Values of every type, as servers print them and as they never should."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.schema import Formats, JsonRules, Misfit

RULES = JsonRules(Formats())
BASE = {"Account": "rA", "Sequence": 1, "Fee": "10", "SigningPubKey": ""}
ISSUANCE = "00" * 24


def normalise(type_: str, **fields: Any) -> tuple[dict[str, Any], list[Misfit]]:
    found: list[Misfit] = []
    record = RULES.transaction({"TransactionType": type_, **BASE, **fields}, found)
    return record, [one for one in found if one.problem != "missing_field"]


@pytest.mark.parametrize(
    ("type_", "name", "value", "shown"),
    [
        ("Payment", "Amount", "-5", {"currency": "XRP", "issuer": "", "value": "-5"}),
        (
            "Payment",
            "Amount",
            {"mpt_issuance_id": ISSUANCE, "value": "7"},
            {"currency": "", "issuer": "", "value": "7", "mpt_issuance_id": ISSUANCE},
        ),
        (
            "Payment",
            "Paths",
            [[{"account": "rB", "type": 1, "type_hex": "0000000000000001"}]],
            [{"steps": [{"account": "rB", "type": 1}]}],
        ),
        ("AMMVote", "Asset", {"currency": "XRP"}, {"currency": "XRP"}),
        ("AMMVote", "Asset", {"mpt_issuance_id": ISSUANCE}, {"mpt_issuance_id": ISSUANCE}),
        ("VaultSet", "AssetsMaximum", "1e20", "1e20"),
        ("SetFee", "BaseFee", "000000000000000A", "a"),
        ("XChainCommit", "XChainClaimID", "0000000000000000", "0"),
        (
            "XChainCommit",
            "XChainBridge",
            {
                "LockingChainDoor": "rA",
                "LockingChainIssue": {"currency": "XRP"},
                "IssuingChainDoor": "rB",
                "IssuingChainIssue": {"currency": "USD", "issuer": "rB"},
            },
            None,
        ),
        (
            "Batch",
            "RawTransactions",
            [{"RawTransaction": {"TransactionType": "Payment", "Amount": "1"}}],
            [
                {
                    "RawTransaction": {
                        "TransactionType": "Payment",
                        "Amount": {"currency": "XRP", "issuer": "", "value": "1"},
                    }
                }
            ],
        ),
    ],
)
def test_what_servers_print(type_: str, name: str, value: Any, shown: Any) -> None:
    record, found = normalise(type_, **{name: value})
    assert found == []
    assert record[name] == (value if shown is None else shown)


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("Payment", "Amount", "1.5"),
        ("Payment", "Amount", "²"),
        ("Payment", "Amount", {"mpt_issuance_id": ISSUANCE, "value": "1.5"}),
        ("Payment", "Amount", {"mpt_issuance_id": ISSUANCE, "value": "1", "more": "1"}),
        ("Payment", "Amount", {"currency": "USD", "issuer": "rA", "value": "1", "more": "1"}),
        ("Payment", "Amount", {"currency": "USD", "issuer": 1, "value": "1"}),
        ("Payment", "Amount", {"currency": "USD", "issuer": "", "value": "1"}),
        ("Payment", "Amount", {"currency": "", "issuer": "rA", "value": "1"}),
        ("Payment", "Amount", {"currency": "XRP", "issuer": "", "value": "1.5"}),
        ("Payment", "Amount", None),
        ("AMMVote", "TradingFee", 65536),
        ("AMMVote", "TradingFee", float("nan")),
        ("AMMVote", "Asset", {"currency": "XRP", "more": "1"}),
        ("AMMVote", "Asset", {}),
        ("AMMVote", "Asset", []),
        ("XChainCommit", "XChainBridge", {"LockingChainDoor": "rA"}),
        ("XChainCommit", "XChainClaimID", 1),
        ("Payment", "CredentialIDs", [1]),
        ("Payment", "Paths", [[1]]),
        ("Payment", "Paths", [[{"account": "rA", "more": "1"}]]),
        ("Payment", "Paths", [{"steps": []}, {}]),
        ("Batch", "RawTransactions", [{"RawTransaction": 1}]),
        ("Payment", "Memos", [[]]),
        ("Payment", "Memos", [{}]),
    ],
)
def test_what_they_never_should(type_: str, name: str, value: Any) -> None:
    record, found = normalise(type_, **{name: value})
    assert [one.problem for one in found] == ["wrong_type"] or found[0].path.startswith(name)
    kept = found[0].value
    assert kept is value or kept == value or kept == value[0]
    assert record.get(name) in (None, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["Amount", "Paths", "Memos", "Sequence", "Foo", "InvoiceID", "Signers"])


@given(st.dictionaries(NAMES, JSON, max_size=4), JSON)
def test_nothing_is_lost_and_nothing_breaks(fields: dict[str, Any], nodes: Any) -> None:
    record, found = normalise("Payment", **fields)
    paths = {one.path for one in found}
    for name in fields:
        assert name in record or any(path.startswith(name) for path in paths)
    misfits: list[Misfit] = []
    RULES.metadata({"AffectedNodes": nodes, "TransactionIndex": 0}, misfits)
    assert misfits


def test_amount_with_a_stranger_in_place_of_the_issuance_is_none() -> None:
    strange = {"currency": "", "issuer": "", "value": "1", "owner": "rB"}
    record, found = normalise("Payment", Amount=strange)
    assert "Amount" not in record
    assert [(one.problem, one.name) for one in found] == [("wrong_type", "Payment.Amount")]


def test_a_created_node_is_checked_by_what_is_new_in_it_whatever_else_it_shows() -> None:
    """Nodes that differ only in a part that their kind has are not taken for one shape."""
    frame = {"LedgerEntryType": "Offer", "LedgerIndex": "AB" * 32, "FinalFields": {"Flags": 0}}
    meta = {"TransactionIndex": 0, "TransactionResult": "tesSUCCESS"}
    rules = JsonRules(Formats())
    for new, wrong in (({"Sequence": 1}, []), ({"Sequence": "1"}, ["Offer.Sequence"])):
        found: list[Misfit] = []
        nodes = [{"CreatedNode": {**frame, "NewFields": new}}]
        rules.metadata({**meta, "AffectedNodes": nodes}, found)
        assert [one.name for one in found] == ["CreatedNode.FinalFields", *wrong]

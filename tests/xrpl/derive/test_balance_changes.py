"""Balance changes, against the recorded state and against the conservation of XRP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from ekspiper.xrpl.derive import balance_changes
from ekspiper.xrpl.derive._nodes import changes
from ekspiper.xrpl.derive._values import value_of
from ekspiper.xrpl.ledger import Transaction

ISSUANCE = "0000000A" + "00" * 19 + "01"
ISSUER = "rrrrrrrrrrrrrrrrrrrrBZbvji"  # account 1


def locked(transaction: Transaction) -> Decimal:
    """By how much the XRP grew that escrows and payment channels hold."""
    total = Decimal(0)
    for node in changes(transaction.meta, "Escrow", "PayChannel"):
        held = value_of(node.get("Amount")) - value_of(node.get("Balance"))
        before = {**node.now, **node.before}
        was = value_of(before.get("Amount")) - value_of(before.get("Balance"))
        if node.change == "created":
            total += held
        elif node.change == "deleted":
            total -= was
        else:
            total += held - was
    return total


def test_no_xrp_is_made_and_only_the_fee_is_lost(recorded_transactions: list[Transaction]) -> None:
    for one in recorded_transactions:
        moved = sum(
            Decimal(change["value"])
            for change in balance_changes(one.meta)
            if change["currency"] == "XRP"
        )
        assert moved + locked(one) == -value_of(one.fields["Fee"]), one


def test_changes_add_up_to_the_recorded_state(
    recorded_transactions: list[Transaction], recorded_lines: Callable[[str], Any]
) -> None:
    """Whatever came after ledger 2 has in ledger 302 the sum of its changes."""
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    born: set[str] = set()
    for one in recorded_transactions:
        born |= {n.index for n in changes(one.meta) if n.change == "created"}
        for change in balance_changes(one.meta):
            key = change["account"], change["currency"], change["issuer"]
            sums[key] += Decimal(change["value"])
    compared = 0
    for line in recorded_lines("ledger_data_v2_302.jsonl.gz"):
        for entry in line["response"]["result"]["state"]:
            if entry["index"] not in born:
                continue
            if entry["LedgerEntryType"] == "AccountRoot":
                assert sums[entry["Account"], "XRP", ""] == Decimal(entry["Balance"])
            elif entry["LedgerEntryType"] == "RippleState":
                low, high = entry["LowLimit"]["issuer"], entry["HighLimit"]["issuer"]
                currency, balance = entry["Balance"]["currency"], entry["Balance"]["value"]
                # Values have 16 digits, so that a long row of changes rounds now and then.
                near = abs(sums[low, currency, high] - Decimal(balance)) <= abs(
                    Decimal(balance)
                ) * Decimal("1e-12")
                assert near, entry
                assert sums[low, currency, high] == -sums[high, currency, low]
            else:
                continue
            compared += 1
    assert compared > 300


def meta(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"AffectedNodes": list(nodes)}


def node(kind: str, type_: str, **parts: Any) -> dict[str, Any]:
    return {kind: {"LedgerEntryType": type_, "LedgerIndex": "0" * 64, **parts}}


def test_a_token_that_first_arrives_had_no_balance_before() -> None:
    token = {"Account": "rHolder", "MPTokenIssuanceID": ISSUANCE}
    issuance = {"Issuer": ISSUER, "Sequence": 10}
    found = balance_changes(
        meta(
            node(
                "ModifiedNode",
                "MPToken",
                FinalFields={**token, "MPTAmount": "7"},
                PreviousFields={},
            ),
            node(
                "ModifiedNode",
                "MPTokenIssuance",
                FinalFields={**issuance, "OutstandingAmount": "27"},
                PreviousFields={"OutstandingAmount": "20"},
            ),
        )
    )
    assert [(change["account"], change["value"]) for change in found] == [
        ("rHolder", "7"),
        (ISSUER, "-7"),
    ]
    assert {change["mpt_issuance_id"] for change in found} == {ISSUANCE}


def test_a_token_whose_flags_changed_has_the_balance_it_had() -> None:
    fields = {"Account": "rHolder", "MPTokenIssuanceID": ISSUANCE, "MPTAmount": "7", "Flags": 1}
    modified = node("ModifiedNode", "MPToken", FinalFields=fields, PreviousFields={"Flags": 0})
    assert balance_changes(meta(modified)) == []


def issuance_changed(before: dict[str, Any], **now: Any) -> dict[str, Any]:
    fields = {"Issuer": ISSUER, "Sequence": 10, **now}
    return node("ModifiedNode", "MPTokenIssuance", FinalFields=fields, PreviousFields=before)


def token_changed(before: dict[str, Any], **now: Any) -> dict[str, Any]:
    fields = {"Account": "rHolder", "MPTokenIssuanceID": ISSUANCE, **now}
    return node("ModifiedNode", "MPToken", FinalFields=fields, PreviousFields=before)


def test_the_first_that_is_issued() -> None:
    found = balance_changes(
        meta(token_changed({}, MPTAmount="7"), issuance_changed({}, OutstandingAmount="7"))
    )
    assert [(change["account"], change["value"]) for change in found] == [
        ("rHolder", "7"),
        (ISSUER, "-7"),
    ]


def test_another_field_of_an_issuance_that_gets_its_first_value_issues_nothing() -> None:
    """PreviousFields is empty as well when it is DomainID, or LockedAmount by the first escrow."""
    domain = issuance_changed({}, OutstandingAmount="100", DomainID="A" * 64)
    assert balance_changes(meta(domain)) == []
    found = balance_changes(
        meta(
            token_changed({"MPTAmount": "100"}, MPTAmount="60", LockedAmount="40"),
            issuance_changed({}, OutstandingAmount="100", LockedAmount="40"),
        )
    )
    assert [(change["account"], change["value"]) for change in found] == [("rHolder", "-40")]


def test_another_field_of_a_token_that_gets_its_first_value_is_no_balance() -> None:
    token = token_changed({}, MPTAmount="7", HolderEncryptionKey="02")
    assert balance_changes(meta(token)) == []


def test_a_token_spent_to_nothing() -> None:
    fields = {"Account": "rHolder", "MPTokenIssuanceID": ISSUANCE}
    modified = node(
        "ModifiedNode", "MPToken", FinalFields=fields, PreviousFields={"MPTAmount": "7"}
    )
    assert [change["value"] for change in balance_changes(meta(modified))] == ["-7"]


def test_values_far_apart_are_added_exactly() -> None:
    def line(before: str, now: str) -> dict[str, Any]:
        def amount(value: str, issuer: str = ISSUER) -> dict[str, str]:
            return {"currency": "USD", "issuer": issuer, "value": value}

        fields = {
            "Balance": amount(now),
            "LowLimit": amount("0", "rLow"),
            "HighLimit": amount("0", "rHigh"),
        }
        return node(
            "ModifiedNode",
            "RippleState",
            FinalFields=fields,
            PreviousFields={"Balance": amount(before)},
        )

    (high, low) = balance_changes(meta(line("1e-20", "9999999999999999e20")))
    with localcontext(prec=80):
        change = Decimal("9999999999999999e20") - Decimal("1e-20")
        assert (low["account"], Decimal(low["value"])) == ("rLow", change)
        assert (high["account"], Decimal(high["value"])) == ("rHigh", -change)

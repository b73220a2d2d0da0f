"""Rules remember what fits, and take nothing else for it."""

from __future__ import annotations

from typing import Any

import pytest

from ekspiper.xrpl.schema import DecodedRules, Formats, Misfit


def meta(entry: Any, kind: str = "ModifiedNode", **parts: Any) -> dict[str, Any]:
    node = {"LedgerEntryType": entry, "LedgerIndex": "0" * 64, **parts}
    return {
        "TransactionIndex": 0,
        "TransactionResult": "tesSUCCESS",
        "AffectedNodes": [{kind: node}],
    }


def misfits(rules: DecodedRules, value: dict[str, Any]) -> list[str]:
    found: list[Misfit] = []
    checked = rules.metadata(value, found)
    assert (checked is value) == (not found)
    return [f"{one.problem} {one.name}" for one in found]


GETS = {"TakerGets": {"currency": "XRP", "issuer": "", "value": "1"}}


@pytest.fixture(scope="module")
def rules() -> DecodedRules:
    """Rules that have met an offer."""
    rules = DecodedRules(Formats())
    assert misfits(rules, meta("Offer", FinalFields=GETS)) == []
    return rules


def test_what_fits_one_entry_may_not_fit_another(rules: DecodedRules) -> None:
    found = misfits(rules, meta("AccountRoot", FinalFields=GETS))
    assert found == ["unknown_field AccountRoot.TakerGets"]


def test_what_fits_in_a_part_may_not_fit_beside_it(rules: DecodedRules) -> None:
    assert misfits(rules, meta("Offer", FinalFields={}, **GETS)) == [
        "unknown_field ModifiedNode.TakerGets"
    ]


def test_what_fits_one_kind_of_node_may_not_fit_another(rules: DecodedRules) -> None:
    found = misfits(rules, meta("Offer", kind="CreatedNode", FinalFields=GETS))
    assert found == ["unknown_field CreatedNode.FinalFields"]


def test_entries_and_results_without_a_name_are_numbers_in_the_ledger_and_text_here(
    rules: DecodedRules,
) -> None:
    found: list[Misfit] = []
    value = meta(9999, FinalFields=GETS) | {"TransactionResult": 255}
    checked = rules.metadata(value, found)
    assert checked["TransactionResult"] == "255"
    assert checked["AffectedNodes"][0]["ModifiedNode"]["LedgerEntryType"] == "9999"
    assert {one.problem for one in found} == {"unknown_type"}
    assert {one.path: one.value for one in found} == {
        "meta.AffectedNodes[0].ModifiedNode.LedgerEntryType": 9999,
        "meta.TransactionResult": 255,
    }


def test_entry_without_a_name_is_reported_when_nothing_of_it_is_shown(rules: DecodedRules) -> None:
    assert misfits(rules, meta(9999)) == ["unknown_type LedgerEntryType.9999"]


def test_node_without_its_index_is_reported_once_for_each(rules: DecodedRules) -> None:
    value = meta("Offer", FinalFields=GETS)
    del value["AffectedNodes"][0]["ModifiedNode"]["LedgerIndex"]
    found: list[Misfit] = []
    rules.metadata(value, found)
    assert [str(one) for one in found] == [
        "missing field ModifiedNode.LedgerIndex at meta.AffectedNodes[0].ModifiedNode.LedgerIndex"
    ]


def test_inner_objects_are_looked_into_every_time(rules: DecodedRules) -> None:
    tokens = [{"NFToken": {"NFTokenID": "A" * 64}}]
    good = meta("NFTokenPage", FinalFields={"NFTokens": tokens})
    bad = meta("NFTokenPage", FinalFields={"NFTokens": [{"NFToken": {"Flags": 1}}]})
    assert misfits(rules, good) == []
    assert misfits(rules, bad) == ["unknown_field NFToken.Flags", "missing_field NFToken.NFTokenID"]
    assert misfits(rules, good) == []


def test_permissions_without_a_name_become_text() -> None:
    rules = DecodedRules(Formats())
    delegate = {
        "TransactionType": "DelegateSet",
        "Account": "rA",
        "Sequence": 1,
        "Fee": {},
        "SigningPubKey": "",
        "Authorize": "rB",
        "Permissions": [{"Permission": {"PermissionValue": 70000}}],
    }
    found: list[Misfit] = []
    checked = rules.transaction(delegate, found)
    assert checked["Permissions"] == [{"Permission": {"PermissionValue": "70000"}}]
    assert [str(one) for one in found] == [
        "unknown type PermissionValue.70000 at Permissions[0].Permission.PermissionValue"
    ]
    assert delegate["Permissions"] == [{"Permission": {"PermissionValue": 70000}}]

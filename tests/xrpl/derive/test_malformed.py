"""Flags are read by the type of the entry, and what cannot be read raises one error."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.derive import (
    DerivationError,
    balance_changes,
    delivered_amount,
    mpt_issuance_id,
    nftoken_fields,
    nftoken_moves,
    pools_touched,
    trades,
)
from ekspiper.xrpl.ledger import Transaction

POOL_LINE, POOL_TOKEN = 0x0100_0000, 0x0000_0004
ALL_BITS = 0xFFFF_FFFF
ACCOUNT = "rrrrrrrrrrrrrrrrrrrrBZbvji"

Meta = dict[str, Any]
DERIVATIONS: dict[str, Callable[[Meta, Meta], Any]] = {
    "trades": trades,
    "balance_changes": lambda fields, meta: balance_changes(meta),
    "nftoken_moves": lambda fields, meta: nftoken_moves(meta),
    "nftoken_fields": nftoken_fields,
    "mpt_issuance_id": mpt_issuance_id,
    "pools_touched": lambda fields, meta: pools_touched([meta]),
    "delivered_amount": lambda fields, meta: delivered_amount(fields, meta, ledger_index=9**9),
}


def entries(meta: Meta) -> Iterator[Meta]:
    """Every affected entry."""
    for element in meta["AffectedNodes"]:
        yield from element.values()


def with_flags(one: Transaction, flags: Callable[[str, int], int]) -> Meta:
    """Its metadata, with other flags on every entry, by type and the flags it has."""
    meta = deepcopy(one.meta)
    for node in entries(meta):
        for part in ("NewFields", "FinalFields"):
            if part in node:
                shown = node[part]
                shown["Flags"] = flags(node["LedgerEntryType"], shown.get("Flags", 0))
    return meta


def test_deposit_auth_has_the_bit_of_a_pool() -> None:
    xrp = {"currency": "XRP", "issuer": ""}
    root = {
        "LedgerEntryType": "AccountRoot",
        "LedgerIndex": "00" * 32,
        "PreviousFields": {"Balance": {**xrp, "value": "2"}},
        "FinalFields": {"Account": ACCOUNT, "Balance": {**xrp, "value": "1"}, "Flags": POOL_LINE},
    }
    payment = {"TransactionType": "Payment", "Account": ACCOUNT}
    assert trades(payment, {"AffectedNodes": [{"ModifiedNode": root}]}) == []


def test_flags_of_other_entries_change_nothing_that_is_derived(
    recorded_transactions: list[Transaction],
) -> None:
    """All bits are set that do not say of a line or a token that it is a pool's."""
    own = {"RippleState": POOL_LINE, "MPToken": POOL_TOKEN}

    def flags(type_: str, now: int) -> int:
        bit = own.get(type_, 0)
        return ALL_BITS & ~bit | now & bit

    for one in recorded_transactions:
        meta = with_flags(one, flags)
        for name, derive in DERIVATIONS.items():
            if name != "pools_touched":  # its entries hold the flags themselves
                assert derive(one.fields, meta) == derive(one.fields, one.meta), (one, name)
        assert pools_touched([meta]).keys() == pools_touched([one.meta]).keys(), one


def test_any_flags_are_derived_from(recorded_transactions: list[Transaction]) -> None:
    dice = random.Random(3)
    for one in recorded_transactions:
        meta = with_flags(one, lambda type_, now: now ^ 1 << dice.randrange(32))
        for derive in DERIVATIONS.values():
            derive(one.fields, meta)


def test_with_all_flags_everything_is_derived(recorded_transactions: list[Transaction]) -> None:
    for one in recorded_transactions:
        meta = with_flags(one, lambda type_, now: ALL_BITS)
        for derive in DERIVATIONS.values():
            derive(one.fields, meta)


@given(st.data())
def test_what_is_missing_is_one_error(
    recorded_transactions: list[Transaction], data: st.DataObject
) -> None:
    """Whatever is taken out of metadata or replaced, a function derives, or says that it cannot."""
    one = data.draw(st.sampled_from(recorded_transactions))
    fields, meta = deepcopy(one.fields), deepcopy(one.meta)
    spoil(data.draw, data.draw(st.sampled_from([fields, meta])))
    for derive in DERIVATIONS.values():
        with suppress(DerivationError):
            derive(fields, meta)


def spoil(draw: Callable[[Any], Any], value: Any) -> None:
    """Take one member away, or put something else in its place, anywhere below `value`."""
    while True:
        places = sorted(value) if isinstance(value, dict) else range(len(value))
        if not places:
            return
        place = draw(st.sampled_from(list(places)))
        below = value[place]
        if isinstance(below, dict | list) and below and draw(st.booleans()):
            value = below
        elif draw(st.booleans()):
            del value[place]
            return
        else:
            value[place] = draw(st.sampled_from([None, 7, "", "x", [], {}]))
            return


def test_the_error_names_what_is_missing() -> None:
    with pytest.raises(DerivationError, match=r"trades .* the field 'AffectedNodes' is missing"):
        trades({"TransactionType": "Payment", "Account": ACCOUNT}, {})


def test_metadata_that_cannot_be_read_leaves_the_other_pools() -> None:
    xrp = {"currency": "XRP", "issuer": "", "value": "5"}
    pool = {"Account": ACCOUNT, "Balance": xrp, "AMMID": "AB" * 32}
    root = {"LedgerEntryType": "AccountRoot", "LedgerIndex": "00" * 32, "NewFields": pool}
    good = {"AffectedNodes": [{"CreatedNode": root}]}
    refused: list[int] = []
    touched = pools_touched([{}, good], on_error=lambda place, error: refused.append(place))
    assert list(touched) == [ACCOUNT]
    assert refused == [0]
    with pytest.raises(DerivationError):
        pools_touched([{}, good])


def test_what_was_delivered_is_unknown_without_a_result() -> None:
    """The result stands at the end of metadata: without it, `DeliveredAmount` may be unread."""
    payment = {"TransactionType": "Payment", "Amount": "7"}
    assert delivered_amount(payment, {}, ledger_index=9**9) == "unavailable"
    assert delivered_amount({"TransactionType": "TrustSet"}, {}, ledger_index=9**9) is None

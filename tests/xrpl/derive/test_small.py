"""Identifiers, delivered amounts, names, flags and times."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.derive import (
    TIME_FIELDS,
    account_set_flag,
    ctid,
    currency_name,
    delivered_amount,
    ledger_entry_flags,
    mpt_issuance_id,
    parse_ctid,
    ripple_time,
    times,
    to_datetime,
    transaction_flags,
)
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.verify import parse_ledger

UINT16 = st.integers(0, 0xFFFF)


@given(st.integers(0, 0x0FFFFFFF), UINT16, UINT16)
def test_a_ctid_says_where_a_transaction_is(index: int, place: int, network: int) -> None:
    text = ctid(index, place, network)
    assert text is not None
    assert len(text) == 16
    assert parse_ctid(text) == (index, place, network)


def test_the_ctid_of_the_documentation() -> None:
    # https://github.com/XRPLF/XRPL-Standards/discussions/91
    assert ctid(13249191, 12911, 65535) == "C0CA2AA7326FFFFF"


@pytest.mark.parametrize("numbers", [(0x10000000, 0, 0), (0, 0x10000, 0), (0, 0, 0x10000)])
def test_what_does_not_fit_has_no_ctid(numbers: tuple[int, int, int]) -> None:
    assert ctid(*numbers) is None


@pytest.mark.parametrize("text", ["", "C0", "D000000000000000", "C00000000000000G"])
def test_other_text_is_no_ctid(text: str) -> None:
    with pytest.raises(ValueError):
        parse_ctid(text)


PAYMENT = {"TransactionType": "Payment", "Amount": "7", "Flags": 0x00020000}
SUCCESS = {"TransactionResult": "tesSUCCESS"}


def test_a_payment_delivered_its_amount_unless_metadata_says_otherwise() -> None:
    assert delivered_amount(PAYMENT, SUCCESS, ledger_index=4_594_095) == "7"
    partial = {**SUCCESS, "DeliveredAmount": "3"}
    assert delivered_amount(PAYMENT, partial, ledger_index=4_594_095) == "3"


def test_before_2014_nobody_knows() -> None:
    assert delivered_amount(PAYMENT, SUCCESS, ledger_index=4_594_094) == "unavailable"
    early = delivered_amount(PAYMENT, SUCCESS, ledger_index=3, close_time=446_000_000)
    assert early == "unavailable"
    assert delivered_amount(PAYMENT, SUCCESS, ledger_index=3, close_time=446_000_001) == "7"


def test_what_failed_or_is_no_payment_delivered_nothing() -> None:
    failed = {"TransactionResult": "tecPATH_DRY"}
    assert delivered_amount(PAYMENT, failed, ledger_index=5_000_000) is None
    offer = {**PAYMENT, "TransactionType": "OfferCreate"}
    assert delivered_amount(offer, SUCCESS, ledger_index=5_000_000) is None


def test_delivered_amounts_of_real_ledgers(shared_data: Path) -> None:
    """From 2013 to 2025, as servers printed them, `unavailable` included."""
    met: Counter[str] = Counter()
    with gzip.open(shared_data / "mainnet" / "ledgers.jsonl.gz") as file:
        for line in filter(bytes.strip, file):
            recorded = orjson.loads(line)
            answer = {"ledger": recorded["binary"], "ledger_hash": recorded["ledger_hash"]}
            ledger = parse_ledger(answer, require_validated=False)
            printed = delivered_in(recorded["json"])
            for one in ledger.transactions:
                if one.hash in printed:
                    found = delivered_amount(
                        one.fields,
                        one.meta,
                        ledger_index=ledger.ledger_index,
                        close_time=ledger.header.close_time,
                    )
                    assert as_server(found) == printed[one.hash]
                    met[str(printed[one.hash] == "unavailable")] += 1
    assert met == {"False": 49, "True": 8}


def delivered_in(answer: dict[str, Any]) -> dict[str, Any]:
    """The delivered amounts that a server printed, by hash."""
    result = answer.get("result", answer)
    found = {}
    for item in result.get("ledger", result)["transactions"]:
        meta = item.get("metaData") or item.get("meta") or {}
        if "delivered_amount" in meta:
            found[item.get("hash") or item["tx"]["hash"]] = meta["delivered_amount"]
    return found


def as_server(amount: Any) -> Any:
    if isinstance(amount, dict) and amount["currency"] == "XRP":
        return amount["value"]
    return amount


@pytest.mark.parametrize(
    ("code", "text", "kind", "lookalike"),
    [
        ("XRP", "XRP", "xrp", False),
        ("USD", "USD", "standard", False),
        ("xrp", "xrp", "standard", True),
        ("534F4C4F00000000000000000000000000000000", "SOLO", "text", False),
        ("5853500000000000000000000000000000000000", None, "text", True),
        ("5852500000000000000000000000000000000000", None, "text", True),
        ("4C50203933304430323230000000000000000000", None, "text", True),
        ("78727000000000000000000000000000000000FF", None, "hex", True),
        ("2053595300000000000000000000000000000000", None, "hex", True),
        ("0000000000000000000000005553440000000001", None, "hex", True),
        ("03930D02208264E2E40EC1B0C09E4DB96EE197B1", "LP 930D0220", "lp_token", False),
        ("015841551A748AD2C1F76FF6ECB0CCCD00000000", None, "hex", False),
        ("00" * 20, None, "hex", False),
    ],
)
def test_currencies_have_a_name_where_it_is_safe(
    code: str, text: str | None, kind: str, lookalike: bool
) -> None:
    name = currency_name(code)
    assert (name.text, name.kind) == (text or code, kind)
    assert name.lookalike == lookalike


def test_a_name_of_text_belongs_to_one_code() -> None:
    """Two codes with one name would be one currency in a table."""
    codes = [
        text.encode().hex().upper().ljust(40, "0") for text in ("SOLO", "US", "RLUSD", "ab cd")
    ]
    assert [currency_name(code).text for code in codes] == ["SOLO", "US", "RLUSD", "ab cd"]
    for shown in ("USD", "xrp", "MPT", "LP 01234567", "lp 0", "XRP "):
        code = shown.encode().hex().upper().ljust(40, "0")
        assert currency_name(code).text == code, shown


@given(st.binary(min_size=20, max_size=20))
def test_any_code_has_a_name_that_prints(code: bytes) -> None:
    name = currency_name(code.hex().upper())
    assert name.text.isprintable()
    assert name.text == name.text.strip()


def test_flags_have_names() -> None:
    assert transaction_flags("Payment", 0x80020000) == ["tfPartialPayment", "tfFullyCanonicalSig"]
    assert transaction_flags("Novelty", 0x00000004) == ["0x00000004"]
    assert ledger_entry_flags("Offer", 0x00020000) == ["lsfSell"]
    assert ledger_entry_flags("DirectoryNode", 1) == ["lsfNFTokenBuyOffers"]
    assert ledger_entry_flags("Offer", 0) == []
    assert account_set_flag(8) == "asfDefaultRipple"
    assert account_set_flag(99) == "99"


def test_every_recorded_flag_of_a_transaction_has_a_name(
    recorded_ledgers: list[Ledger],
) -> None:
    for ledger in recorded_ledgers:
        for one in ledger.transactions:
            flags, type_ = one.fields.get("Flags", 0), one.fields["TransactionType"]
            names = transaction_flags(type_, flags)
            assert len(names) == flags.bit_count()
            assert not any(name.startswith("0x") for name in names), (type_, flags)


def test_times() -> None:
    assert to_datetime(0).isoformat() == "2000-01-01T00:00:00+00:00"
    assert ripple_time("2026-11-22T12:01:40Z") == 848_664_100
    assert ripple_time("2026-11-22T12:01:40") == 848_664_100
    shown = times({"Expiration": 848_664_100, "LastUpdateTime": 946_684_800, "Sequence": 1})
    assert shown == {
        "Expiration": "2026-11-22T12:01:40Z",
        "LastUpdateTime": "2000-01-01T00:00:00Z",
    }


def test_time_fields_are_known_to_the_definitions() -> None:
    own = {name for name in TIME_FIELDS if name[0].isupper()}
    assert own <= Definitions.bundled().fields.keys()


def test_close_times_are_those_of_the_stream(
    recorded_ledgers: list[Ledger], recorded_lines: Callable[[str], Any]
) -> None:
    closed = {one.ledger_index: one.close_time_iso for one in recorded_ledgers}
    for message in recorded_lines("stream_v2.jsonl.gz"):
        if message["type"] == "transaction":
            assert times(message["tx_json"])["date"] == closed[message["ledger_index"]]


def test_the_id_of_an_issuance_is_its_sequence_and_issuer() -> None:
    # https://xrpl.org/docs/references/protocol/ledger-data/ledger-entry-types/mptokenissuance
    create = {
        "TransactionType": "MPTokenIssuanceCreate",
        "Account": "rrrrrrrrrrrrrrrrrrrrBZbvji",
        "Sequence": 10,
    }
    expected = "0000000A" + "00" * 19 + "01"
    assert mpt_issuance_id(create, SUCCESS) == expected
    assert mpt_issuance_id({**create, "Sequence": 0, "TicketSequence": 10}, SUCCESS) == expected
    assert mpt_issuance_id(create, {"TransactionResult": "tecDIR_FULL"}) is None
    assert mpt_issuance_id(PAYMENT, SUCCESS) is None

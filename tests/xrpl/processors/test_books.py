"""Which books a ledger touched."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Permanent, Retryable
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import (
    AmmRecords,
    Asset,
    Book,
    BookOfferBuilder,
    FetchBookOffers,
    books_touched,
)

PAGE = (Path(__file__).parents[3] / "docs" / "schema.md").read_text()
XRP = Asset("XRP")
USD = Asset("USD", "rIssuer")
DOMAIN = "D0" * 32
SIDE = {"ledger_index": 3, "ledger_hash": "AB", "close_time_iso": "2026-11-22T12:01:40Z"}


def offer(kind: str = "CreatedNode", part: str = "NewFields", **more: Any) -> dict[str, Any]:
    """Metadata with one offer: 10 USD for 5 XRP."""
    usd = {"currency": "USD", "issuer": "rIssuer", "value": "10"}
    xrp = {"currency": "XRP", "issuer": "", "value": "5000000"}
    fields = {"TakerGets": usd, "TakerPays": xrp, **more}
    return {"AffectedNodes": [{kind: {"LedgerEntryType": "Offer", part: fields}}]}


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("CreatedNode", "NewFields"),
        ("ModifiedNode", "FinalFields"),
        ("DeletedNode", "FinalFields"),
    ],
)
def test_an_offer_touches_both_sides_of_its_book(kind: str, part: str) -> None:
    assert books_touched([offer(kind, part)] * 2) == {Book(USD, XRP), Book(XRP, USD)}


def test_an_offer_in_a_domain_is_in_the_book_of_the_domain_alone() -> None:
    books = books_touched([offer(DomainID=DOMAIN, Flags=0x00020000)])
    assert books == {Book(USD, XRP, DOMAIN), Book(XRP, USD, DOMAIN)}


@pytest.mark.parametrize("hybrid", [{"Flags": 0x00040000}, {"AdditionalBooks": []}])
def test_a_hybrid_offer_is_in_the_open_book_too(hybrid: dict[str, Any]) -> None:
    books = books_touched([offer(DomainID=DOMAIN, **hybrid)])
    assert books == {
        Book(USD, XRP),
        Book(XRP, USD),
        Book(USD, XRP, DOMAIN),
        Book(XRP, USD, DOMAIN),
    }


def test_other_entries_touch_no_book() -> None:
    meta = offer()
    meta["AffectedNodes"][0]["CreatedNode"]["LedgerEntryType"] = "DirectoryNode"
    assert books_touched([meta]) == set()


def test_assets_are_asked_for_as_servers_want_them() -> None:
    assert XRP.to_request() == {"currency": "XRP"}
    assert USD.to_request() == {"currency": "USD", "issuer": "rIssuer"}
    token = Asset.of({"currency": "", "issuer": "", "value": "1", "mpt_issuance_id": "00"})
    assert token.to_request() == {"mpt_issuance_id": "00"}
    assert Asset.of("5000000").to_record() == {"currency": "XRP", "issuer": ""}


async def test_the_requests_are_those_of_the_recording(
    recorded_ledgers: list[Ledger], recorded_lines: Callable[[str], Any]
) -> None:
    built = [one for ledger in recorded_ledgers for one in await BookOfferBuilder().process(ledger)]
    recorded = [
        {name: line["request"][name] for name in ("ledger_index", "taker_gets", "taker_pays")}
        for line in recorded_lines("book_offers_v2.jsonl.gz")
    ]
    assert len(recorded) == 1988
    asked = ("ledger_index", "taker_gets", "taker_pays")
    assert [{name: one[name] for name in asked} for one in built] == recorded
    closed = {one.ledger_index: one.close_time_iso for one in recorded_ledgers}
    assert all(one["close_time_iso"] == closed[one["ledger_index"]] for one in built)


async def test_the_documented_keys_tell_records_apart(recorded_ledgers: list[Ledger]) -> None:
    rows = dict(re.findall(r"^\| `(book_offers|amms)` \|[^|]*\|([^|]*)\|", PAGE, re.MULTILINE))
    requests = [one for each in recorded_ledgers for one in await BookOfferBuilder().process(each)]
    pools = [one for each in recorded_ledgers for one in await AmmRecords().process(each)]
    for kind, records in (("book_offers", requests), ("amms", pools)):
        names = re.findall(r"`(\w+)`", rows[kind])
        assert names
        keys = {repr([record.get(name) for name in names]) for record in records}
        assert len(keys) == len(records)
        for name in names:
            fewer = [other for other in names if other != name]
            if name == "domain":  # the recording has no books of domains
                continue
            assert len({repr([one.get(n) for n in fewer]) for one in records}) < len(records)


class Pool:
    """Answers every request alike."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result
        self.asked: list[Any] = []

    async def request(self, command: Any, *, ledger_index: int | None = None) -> dict[str, Any]:
        self.asked.append((command, ledger_index))
        return self.result


REQUEST = {**SIDE, "taker_gets": {"currency": "XRP"}, "taker_pays": USD.to_request()}
ANSWER = {
    **SIDE,
    "validated": True,
    "offers": [
        {
            "TakerGets": "5000000",
            "TakerPays": {**USD.to_request(), "value": "10"},
            "taker_gets_funded": "1",
        }
    ],
}


async def test_the_record_has_amounts_of_one_shape() -> None:
    pool = Pool(ANSWER)
    (record,) = await FetchBookOffers(pool).process({**REQUEST, "domain": DOMAIN})
    ((command, ledger_index),) = pool.asked
    assert command == {
        "command": "book_offers",
        "limit": 100,
        "api_version": 2,
        "ledger_index": 3,
        "taker_gets": {"currency": "XRP"},
        "taker_pays": {"currency": "USD", "issuer": "rIssuer"},
        "domain": DOMAIN,
    }
    assert ledger_index == 3
    assert record == {
        **SIDE,
        "taker_gets": {"currency": "XRP", "issuer": ""},
        "taker_pays": {"currency": "USD", "issuer": "rIssuer"},
        "domain": DOMAIN,
        "offers": [
            {
                "TakerGets": {"currency": "XRP", "issuer": "", "value": "5000000"},
                "TakerPays": {"currency": "USD", "issuer": "rIssuer", "value": "10"},
                "taker_gets_funded": {"currency": "XRP", "issuer": "", "value": "1"},
            }
        ],
        "truncated": False,
    }


async def test_as_many_offers_as_asked_for_means_that_there_may_be_more() -> None:
    (record,) = await FetchBookOffers(Pool(ANSWER), limit=1).process(REQUEST)
    assert record["truncated"] is True


@pytest.mark.parametrize(
    "wrong", [{"ledger_hash": "CD"}, {"ledger_index": 4}, {"validated": False}]
)
async def test_an_answer_of_another_ledger_is_asked_for_again(wrong: dict[str, Any]) -> None:
    with pytest.raises(Retryable, match="XRP for USD/rIssuer at ledger 3"):
        await FetchBookOffers(Pool({**ANSWER, **wrong})).process(REQUEST)


async def test_a_hash_in_lower_case_is_the_same_ledger() -> None:
    answer = {**ANSWER, "ledger_hash": ANSWER["ledger_hash"].lower()}
    (record,) = await FetchBookOffers(Pool(answer)).process(REQUEST)
    assert record["ledger_hash"] == "AB"


async def test_an_answer_without_offers_is_a_dead_letter() -> None:
    with pytest.raises(Permanent, match="no list of offers"):
        await FetchBookOffers(Pool({**ANSWER, "offers": None})).process(REQUEST)

"""Books from the state of a ledger are those that the server shows, without its limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import Asset, FetchLedger
from ekspiper.xrpl.sources import LedgerRef
from ekspiper.xrpl.whole_books import WholeBooks, quality, read_books
from tests.xrpl.older_definitions import older_definitions

ISSUER = "rrrrrrrrrrrrrrrrrrrrBZbvji"
USD = {"currency": "USD", "issuer": ISSUER, "value": "1"}
CLOSED = "2026-11-22T12:01:40Z"
GONE = "E4AEE6004DAF1EBCCE0C22A9AB924BCD2877C587D563AFFE77A2771797A109CB"
"""A hybrid offer that was taken in ledger 537; the open book was not recorded again after that."""
XRP = {"currency": "XRP", "issuer": "", "value": "1"}
ROOT = "AB" * 24 + "5503915177 7FD986".replace(" ", "")


def offer(index: str, *, directory: str = ROOT, page: str = "0", **more: Any) -> dict[str, Any]:
    return {
        "LedgerEntryType": "Offer",
        "index": index,
        "BookDirectory": directory,
        "BookNode": page,
        "TakerGets": USD,
        "TakerPays": XRP,
        **more,
    }


def page(root: str, *indexes: str) -> dict[str, Any]:
    return {"LedgerEntryType": "DirectoryNode", "RootIndex": root, "Indexes": list(indexes)}


def test_quality_is_read_from_the_directory() -> None:
    assert quality(ROOT) == Decimal("1.004204013377926")


async def test_offers_that_cannot_be_read_are_said(caplog: pytest.LogCaptureFixture) -> None:
    async with open_network("sample") as network:
        network.pool.definitions = older_definitions(types={"UInt64"})  # BookNode and OwnerNode
        books = await read_books(network.pool, 540)
    assert books.offers == 0
    assert books.unread == 162
    assert "books may lack them" in caplog.text


async def test_a_field_that_nobody_knows_may_name_another_book(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Like DomainID, to definitions that are older: its offers would be taken for open ones."""
    async with open_network("sample") as network:
        network.pool.definitions = older_definitions(fields={"OwnerNode"})
        books = await read_books(network.pool, 540)
    assert books.unread == books.offers > 100
    assert "have a field that the definitions do not know" in caplog.text
    assert all("not known" in record["problem"] for record in books.records())


async def test_every_book_is_what_the_server_gives() -> None:
    async with open_network("sample") as network:
        records = list((await read_books(network.pool, 540)).records())
        assert len(records) == 20
        (header,) = await FetchLedger(network.pool).process(LedgerRef(540))
        for record in records:
            answer = await network.pool.request(
                {
                    "command": "book_offers",
                    "ledger_index": 540,
                    "limit": 100,
                    "taker_gets": Asset.of(record["taker_gets"]).to_request(),
                    "taker_pays": Asset.of(record["taker_pays"]).to_request(),
                    **({"domain": record["domain"]} if "domain" in record else {}),
                }
            )
            given = [
                (each["index"], each["quality"])
                for each in answer["offers"]
                if each["index"] != GONE
            ]
            assert [(each["index"], each["quality"]) for each in record["offers"]] == given
            assert not record["truncated"]
            assert record["close_time_iso"] == header.close_time_iso


def test_more_than_a_hundred_offers_keep_their_order() -> None:
    books = WholeBooks(5, "F" * 64, CLOSED)
    names = [f"{number:064X}" for number in range(300, 0, -1)]
    for place, name in enumerate(names):
        books.add(offer(name, page=f"{place // 32:x}"))
    for start in range(0, 300, 32):
        books.add(page(ROOT, *names[start : start + 32]))
    (record,) = books.records()
    assert [each["index"] for each in record["offers"]] == names
    assert books.offers == 300


def test_the_better_offer_comes_first_whatever_came_in_first() -> None:
    worse = ROOT[:-1] + "7"
    books = WholeBooks(5, "F" * 64, CLOSED)
    books.add(offer("B", directory=worse))
    books.add(offer("A"))
    (record,) = books.records()
    assert [each["index"] for each in record["offers"]] == ["A", "B"]


def test_a_hybrid_offer_is_in_both_books() -> None:
    books = WholeBooks(5, "F" * 64, CLOSED)
    additional = [{"Book": {"BookDirectory": ROOT, "BookNode": "0"}}]
    books.add(offer("A", DomainID="D" * 64, AdditionalBooks=additional))
    assert [record.get("domain") for record in books.records()] == [None, "D" * 64]


def test_an_owners_directory_does_not_disturb_the_order() -> None:
    books = WholeBooks(5, "F" * 64, CLOSED)
    books.add(offer("A"))
    books.add(offer("B"))
    books.add({**page("OWNER", "B", "A"), "Owner": ISSUER})
    books.add(page(ROOT, "A", "B"))
    (record,) = books.records()
    assert [each["index"] for each in record["offers"]] == ["A", "B"]


@pytest.mark.parametrize("ledger", [538, 488])
async def test_a_ledger_without_a_state_is_an_error(ledger: int) -> None:
    async with open_network("sample", ledger_timeout=0.2) as network:
        with pytest.raises(Exception, match=r"lgrNotFound|ledgerNotFound"):
            await read_books(network.pool, ledger)

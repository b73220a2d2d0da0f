"""Puts the offers of a state into their books, best first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ..processors.books import Asset, Book

__all__ = ["WholeBooks", "quality"]

_EXPONENT_BIAS = 100


def quality(book_directory: str) -> Decimal:
    """What a taker pays for one unit, XRP in drops, from the last 64 bits of a book directory.

    Eight bits of exponent, biased by 100, and 56 bits of mantissa:
    https://xrpl.org/docs/references/protocol/ledger-data/ledger-entry-types/directorynode
    """
    rate = int(book_directory[-16:], 16)
    return Decimal(rate & ((1 << 56) - 1)).scaleb((rate >> 56) - _EXPONENT_BIAS)


class WholeBooks:
    """Collects offers and book directories, in any order; then gives whole books.

    All offers are held in memory: some kilobytes each.

    Args:
        ledger_index, ledger_hash, close_time_iso: of the ledger whose state it is.
    """

    def __init__(self, ledger_index: int, ledger_hash: str, close_time_iso: str) -> None:
        self._at = {
            "ledger_index": ledger_index,
            "ledger_hash": ledger_hash,
            "close_time_iso": close_time_iso,
        }
        self._places: dict[Book, list[tuple[str, int, dict[str, Any]]]] = {}
        self._pages: dict[str, dict[str, int]] = {}
        self.offers = 0
        self.unread = 0
        """Offers with a field of an unknown type, after which nothing of them can be read."""

    def add(self, entry: dict[str, Any]) -> None:
        """Take a ledger object in record shape with its `index`; others than these two pass by."""
        if entry["LedgerEntryType"] == "Offer":
            if entry.keys() >= {"TakerGets", "TakerPays", "BookDirectory"}:
                self._add_offer(entry)
        elif (
            entry["LedgerEntryType"] == "DirectoryNode"
            and "RootIndex" in entry
            and "Owner" not in entry
        ):
            self._add_page(entry)

    def records(self) -> Iterator[dict[str, Any]]:
        """A record of kind `book_offers` for each side of each book, complete: never truncated.

        Offers stand as the ledger consumes them: by quality, then in the order in which they were
        placed. Unlike a server's answer they do not say what their owners have. `problem` is there
        where offers cannot be read: nobody knows in which books they stand.
        """
        for book in sorted(self._places):
            offers = sorted(self._places[book], key=self._order)
            record: dict[str, Any] = {
                **self._at,
                "taker_gets": book.taker_gets.to_record(),
                "taker_pays": book.taker_pays.to_record(),
            }
            if book.domain:
                record["domain"] = book.domain
            record["offers"] = [
                {**offer, "quality": f"{quality(directory).normalize():f}"}
                for directory, _, offer in offers
            ]
            record["truncated"] = False
            if self.unread:
                record["problem"] = (
                    f"{self.unread} offers of the ledger cannot be read to their end"
                )
            yield record

    def _add_offer(self, offer: dict[str, Any]) -> None:
        self.offers += 1
        gets, pays = Asset.of(offer["TakerGets"]), Asset.of(offer["TakerPays"])
        own = Book(gets, pays, offer.get("DomainID", ""))
        self._place(own, offer["BookDirectory"], offer.get("BookNode", "0"), offer)
        for additional in offer.get("AdditionalBooks", ()):  # a hybrid offer, in the open book
            book = additional["Book"]
            self._place(Book(gets, pays), book["BookDirectory"], book.get("BookNode", "0"), offer)

    def _place(self, book: Book, directory: str, page: str, offer: dict[str, Any]) -> None:
        self._places.setdefault(book, []).append((directory, int(page, 16), offer))

    def _add_page(self, page: dict[str, Any]) -> None:
        places = self._pages.setdefault(page["RootIndex"], {})
        places.update((index, place) for place, index in enumerate(page.get("Indexes", ())))

    def _order(self, placed: tuple[str, int, dict[str, Any]]) -> tuple[str, int, int]:
        directory, page, offer = placed
        return directory, page, self._pages.get(directory, {}).get(offer["index"], 0)

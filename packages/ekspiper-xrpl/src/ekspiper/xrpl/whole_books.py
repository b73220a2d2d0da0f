"""Whole order books: reads a state, proves it on the way, and puts its offers into their books."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Decoder, ends_early
from ekspiper.xrpl.processors import Asset, Book, FetchLedger
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef

from .snapshot import StateProof

__all__ = ["WholeBooks", "quality", "read_books"]

log = logging.getLogger("ekspiper.xrpl")

_EXPONENT_BIAS = 100
# Offers of one price are in the order of their directory's pages, which only these have.
_TYPES = ("Offer", "DirectoryNode")


async def read_books(pool: NodePool, ledger: int | None = None, *, parallel: int = 8) -> WholeBooks:
    """All books of a ledger; the newest one without `ledger`.

    Raises:
        StateMismatch: the objects do not hash to the ledger's `account_hash`.
    """
    source = LedgerObjects(pool, ledger, types=_TYPES, parallel=parallel)
    await source.open()
    (header,) = await FetchLedger(pool).process(LedgerRef(source.ledger_index))
    source.expect(header.ledger_hash)
    proof = StateProof(source.prefixes)
    decoder = Decoder(pool.definitions, shape="record")
    books = WholeBooks(header.ledger_index, header.ledger_hash, header.close_time_iso)
    async for page in source:
        await proof.collect([page])
        for index, data in page.wanted():
            entry = decoder.ledger_object(bytes.fromhex(data))
            books.unread += entry["LedgerEntryType"] == "Offer" and not _is_read(entry)
            books.add({**entry, "index": index})
    # After all pages: a state is proven as a whole or not at all.
    proof.compare_with(header)
    if books.unread:
        log.warning(
            "%s offers have a field that the definitions do not know: books may lack them, or have "
            "them in the wrong place",
            books.unread,
        )
    return books


def quality(book_directory: str) -> Decimal:
    """What a taker pays for one unit, XRP in drops, from the last 64 bits of a book directory.

    Eight bits of exponent, biased by 100, and 56 bits of mantissa:
    https://xrpl.org/docs/references/protocol/ledger-data/ledger-entry-types/directorynode
    """
    rate = int(book_directory[-16:], 16)
    return Decimal(rate & ((1 << 56) - 1)).scaleb((rate >> 56) - _EXPONENT_BIAS)


def _is_read(offer: dict[str, Any]) -> bool:
    """Whether the definitions know every field of an offer."""
    return not ends_early(offer) and not any(name.startswith("Unknown_") for name in offer)


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
        """Offers with a field that the definitions do not know. It may name the book, as DomainID
        does; and if its type is unknown as well, nothing after it can be read."""

    def add(self, entry: dict[str, Any]) -> None:
        """Take a ledger object in record shape with its `index`; other types are left out."""
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

        Offers are in the order in which the ledger consumes them: by quality, then by age. A
        server's answer also says how much their owners have; these records do not. `problem` is
        there where offers cannot be read: nobody knows in which books they are.
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
            # As in records from `book_offers`, so that a table may have both.
            record["truncated"] = False
            if self.unread:
                record["problem"] = (
                    f"{self.unread} offers of the ledger have a field that is not known"
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

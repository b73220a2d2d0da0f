"""Works out which order books a ledger touched, and asks for each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ekspiper.core import Block, Processor
from ekspiper.xrpl.ledger import Ledger, LedgerInfo

from .books import Book
from .exchange_reader import ExchangeReader

__all__ = ["BookOfferBuilder", "BookRequests", "book_request"]

# About what a queue takes for one request.
_REQUEST_BYTES = 512

log = logging.getLogger("ekspiper.xrpl.processors")


class BookRequests(Block):
    """The requests for all books of one ledger, which travel as one.

    Args:
        ledger: what they are asked at; its transactions are not kept.
        books: the sides that are asked for, in order.
    """

    __slots__ = ("books", "place")

    def __init__(self, ledger: LedgerInfo, books: Sequence[Book]) -> None:
        super().__init__(len(books), _REQUEST_BYTES * len(books))
        self.place = _place(ledger)
        self.books = books

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.request, self.books)

    def request(self, book: Book) -> dict[str, Any]:
        """The request for one of the books, by itself."""
        return _request(book, self.place)

    def to_json(self) -> dict[str, Any]:
        """What names the ledger in a dead letter."""
        return dict(self.place)


class BookOfferBuilder(Processor[Ledger, dict[str, Any]]):
    """Ledger -> a request for each side of each book whose offers it created, changed or deleted.

    Both sides of a book are asked for, each once for a ledger, in the order of what takers get
    and then pay. An offer in a permissioned domain is in the domain's book; a hybrid one is in
    the open book as well.

    Args:
        reader: reads what a ledger touched; to share it spares the others who ask for that.
    """

    takes_blocks = False

    def __init__(self, reader: ExchangeReader | None = None) -> None:
        self._reader = reader or ExchangeReader()
        self._warned = False

    async def process(self, item: Ledger) -> list[dict[str, Any]]:
        """The requests for one ledger: `ledger_index`, `ledger_hash`, `close_time_iso`,
        `taker_gets`, `taker_pays`, and `domain` for the book of a domain."""
        return list(self.to_block(item))

    def to_block(self, item: Ledger) -> BookRequests:
        """The same requests as one item, for those who take them so."""
        touched = self._reader.read(item)
        if touched.unread is not None and not self._warned:
            self._warned = True
            log.warning(
                "ledger %s: the metadata of %s has a field of an unknown type, after which nothing "
                "can be read: books and pools may be missing, in later ledgers as well; "
                "a newer xrpl-py may know the type",
                item.ledger_index,
                item.transaction(touched.unread, None).hash,
            )
        return BookRequests(item, touched.books)


def book_request(book: Book, ledger: LedgerInfo) -> dict[str, Any]:
    """What `FetchBookOffers` takes: one side of one book at one ledger."""
    return _request(book, _place(ledger))


def _request(book: Book, place: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        **place,
        "taker_gets": book.taker_gets.to_request(),
        "taker_pays": book.taker_pays.to_request(),
    }
    if book.domain:
        request["domain"] = book.domain
    return request


def _place(ledger: LedgerInfo) -> dict[str, Any]:
    """What the requests and records of a ledger share."""
    return {
        "ledger_index": ledger.ledger_index,
        "ledger_hash": ledger.ledger_hash,
        "close_time_iso": ledger.close_time_iso,
    }

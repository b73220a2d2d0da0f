"""Works out which order books a ledger touched, and asks for each."""

from __future__ import annotations

from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.ledger import Ledger, LedgerInfo

from .books import Book, books_touched

__all__ = ["BookOfferBuilder", "book_request"]


class BookOfferBuilder(Processor[Ledger, dict[str, Any]]):
    """Ledger -> a request for each side of each book whose offers it created, changed or deleted.

    Both sides of a book are asked for, each once for a ledger, in the order of what takers get
    and then pay. An offer in a permissioned domain is in the domain's book; a hybrid one is in
    the open book as well.
    """

    async def process(self, item: Ledger) -> list[dict[str, Any]]:
        """The requests for one ledger: `ledger_index`, `ledger_hash`, `close_time_iso`,
        `taker_gets`, `taker_pays`, and `domain` for the book of a domain."""
        books = books_touched(transaction.meta for transaction in item.transactions)
        return [book_request(book, item) for book in sorted(books)]


def book_request(book: Book, ledger: LedgerInfo) -> dict[str, Any]:
    """What `FetchBookOffers` takes: one side of one book at one ledger."""
    request: dict[str, Any] = {
        "ledger_index": ledger.ledger_index,
        "ledger_hash": ledger.ledger_hash,
        "close_time_iso": ledger.close_time_iso,
        "taker_gets": book.taker_gets.to_request(),
        "taker_pays": book.taker_pays.to_request(),
    }
    if book.domain:
        request["domain"] = book.domain
    return request

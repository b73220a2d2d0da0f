"""Works out which order books a ledger touched, and asks for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.ledger import Ledger, LedgerInfo, Transaction

from .books import OFFER_NODES, Book, books_touched

__all__ = ["BookOfferBuilder", "book_request"]

log = logging.getLogger("ekspiper.xrpl.processors")


class BookOfferBuilder(Processor[Ledger, dict[str, Any]]):
    """Ledger -> a request for each side of each book whose offers it created, changed or deleted.

    Both sides of a book are asked for, each once for a ledger, in the order of what takers get
    and then pay. An offer in a permissioned domain is in the domain's book; a hybrid one is in
    the open book as well.
    """

    def __init__(self) -> None:
        self._warned = False

    async def process(self, item: Ledger) -> list[dict[str, Any]]:
        """The requests for one ledger: `ledger_index`, `ledger_hash`, `close_time_iso`,
        `taker_gets`, `taker_pays`, and `domain` for the book of a domain."""
        transactions = list(item.showing(OFFER_NODES))
        self._warn_of_missing(item, transactions)
        metas = (each.meta for each in transactions)
        books = books_touched(meta for meta in metas if "AffectedNodes" in meta)
        return [book_request(book, item) for book in sorted(books)]

    def _warn_of_missing(self, ledger: Ledger, transactions: Iterable[Transaction]) -> None:
        unread = [each.hash for each in transactions if not each.is_readable]
        if unread and not self._warned:
            self._warned = True
            log.warning(
                "ledger %s: the metadata of %s has a field of an unknown type, after which nothing "
                "can be read: books and pools may be missing, in later ledgers as well; "
                "a newer xrpl-py may know the type",
                ledger.ledger_index,
                unread[0],
            )


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

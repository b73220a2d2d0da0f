"""Asks for the offers of one side of one book, and makes a record of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import orjson

from ekspiper.core import LineBlock, Permanent, Processor, Retryable
from ekspiper.xrpl.client import Answer, Cut

from ._offer_lines import OFFERS, OfferLines, offer_record
from ._record_line import RecordLine
from .book_offer_builder import BookRequests
from .books import Asset, Book

__all__ = [
    "FetchBookOffers",
    "RequestPool",
    "SubmittingPool",
    "book_command",
    "book_offers_record",
]

_LIMIT = 100  # the most that a server gives
_AT_ONCE = 16
_ASKED = ("ledger_index", "taker_gets", "taker_pays", "domain")


class RequestPool(Protocol):
    """What is needed of a `NodePool`."""

    async def request(
        self, request: dict[str, Any], /, *, ledger_index: int | None = None
    ) -> dict[str, Any]:
        """The `result` of a request that a node with that ledger answered."""
        ...


@runtime_checkable
class SubmittingPool(Protocol):
    """What is needed of a `NodePool` to ask it many questions at once."""

    def submit(
        self, request: dict[str, Any], /, *, ledger_index: int | None = None, cut: Cut | None = None
    ) -> asyncio.Future[Answer]:
        """The answer, which is on its way."""
        ...


class FetchBookOffers(Processor[Mapping[str, Any], dict[str, Any]]):
    """Book request -> record: `ledger_index`, `ledger_hash`, `close_time_iso`, `taker_gets`,
    `taker_pays`, `domain` for the book of a domain, `offers`, `truncated`.

    Args:
        pool: where to ask.
        limit: the most offers of one side, 1 to 100.
        at_once: the most sides that are asked for at once, where those of a ledger come as one.
    """

    takes_blocks = True

    def __init__(self, pool: RequestPool, *, limit: int = _LIMIT, at_once: int = _AT_ONCE) -> None:
        self.pool = pool
        self.limit = limit
        self._submitting = pool if isinstance(pool, SubmittingPool) else None
        self._room = asyncio.Semaphore(at_once)

    async def process(self, item: Mapping[str, Any]) -> tuple[dict[str, Any]]:
        """The record of one side of one book.

        Raises:
            Retryable: the answer is of another ledger than the request.
            Permanent: the answer has no offers.
        """
        command = book_command(item, limit=self.limit)
        result = await self.pool.request(command, ledger_index=item["ledger_index"])
        if (fault := _fault(item, result)) is not None:
            # Another node, or the same one later, may have the right ledger.
            raise Retryable(f"{_named(item)}: {fault}")
        return (book_offers_record(item, result, limit=self.limit),)

    async def process_to_block(self, item: Any) -> LineBlock | None:
        """The lines of all books of a ledger.

        Raises the same errors as `process`, whichever book is at fault.
        """
        pool = self._submitting
        if pool is None or not isinstance(item, BookRequests):
            return None
        answers: list[asyncio.Future[Answer]] = []
        try:
            for book in item.books:
                await self._room.acquire()
                answers.append(self._ask(pool, book, item.place["ledger_index"]))
            for answer in reversed(answers):  # when the last one is there, most are
                await answer
        finally:
            for answer in answers:
                answer.cancel()
        place = orjson.dumps(item.place)[:-1]
        lines = [
            self._line(item, place, book, answer.result().result)
            for book, answer in zip(item.books, answers, strict=True)
        ]
        return LineBlock(b"".join(lines), len(lines), kind=RecordLine)

    def _ask(self, pool: SubmittingPool, book: Book, ledger_index: int) -> asyncio.Future[Answer]:
        command = {
            "command": "book_offers",
            "limit": self.limit,
            "api_version": 2,
            "ledger_index": ledger_index,
            **_asked(book),
        }
        try:
            answer = pool.submit(command, ledger_index=ledger_index, cut=OFFERS)
        except BaseException:
            self._room.release()
            raise
        answer.add_done_callback(self._leave)
        return answer

    def _leave(self, answer: asyncio.Future[Answer]) -> None:
        self._room.release()
        if not answer.cancelled():
            answer.exception()  # one error is enough: asyncio would log all others

    def _line(
        self, item: BookRequests, place: bytes, book: Book, result: Mapping[str, Any]
    ) -> bytes:
        """The line of `book_offers_record`."""
        if (fault := _fault(item.place, result)) is not None:
            raise Retryable(f"{_named(item.request(book))}: {fault}")
        offers = result.get("offers")
        if type(offers) is list:
            offers = OfferLines.of_offers(offers)
        if not isinstance(offers, OfferLines):
            raise Permanent(f"{_named(item.request(book))}: the answer has no list of offers")
        truncated = offers.count >= self.limit or "marker" in result
        return b'%b,%b,"offers":%b,"truncated":%b}\n' % (
            place,
            _sides(book),
            offers.data,
            b"true" if truncated else b"false",
        )


def book_command(request: Mapping[str, Any], *, limit: int = _LIMIT) -> dict[str, Any]:
    """What a server is asked for a book request: the rest of it is for the record."""
    asked = {name: request[name] for name in _ASKED if name in request}
    return {"command": "book_offers", "limit": limit, "api_version": 2, **asked}


def book_offers_record(
    request: Mapping[str, Any], result: Mapping[str, Any], *, limit: int = _LIMIT
) -> dict[str, Any]:
    """The record of an answer to `book_offers`.

    `truncated` says that the server gave as many offers as it was asked for, so there may be more.

    Raises:
        Permanent: the answer has no offers.
    """
    offers = result.get("offers")
    if not isinstance(offers, list):
        raise Permanent(f"{_named(request)}: the answer has no list of offers")
    record = {
        "ledger_index": request["ledger_index"],
        "ledger_hash": request["ledger_hash"],
        "close_time_iso": request["close_time_iso"],
        "taker_gets": Asset.of(request["taker_gets"]).to_record(),
        "taker_pays": Asset.of(request["taker_pays"]).to_record(),
    }
    if "domain" in request:
        record["domain"] = request["domain"]
    record["offers"] = [offer_record(offer) for offer in offers]
    # Exactly as many as were asked for may be all, or not: then the record does not claim to be
    # whole.
    record["truncated"] = len(offers) >= limit or "marker" in result
    return record


def _fault(place: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """Why an answer is not of this ledger. Servers have given such: no offers are better than wrong ones."""
    for name in ("ledger_index", "ledger_hash"):
        given = result.get(name)
        if given != place[name] and str(given).upper() != str(place[name]).upper():
            return f"the answer is of {name} {given}"
    return None if result.get("validated") is True else "the answer is not validated"


def _named(request: Mapping[str, Any]) -> str:
    sides = [Asset.of(request[side]) for side in ("taker_gets", "taker_pays")]
    shown = " for ".join(side.mpt_issuance_id or "/".join(filter(None, side[:2])) for side in sides)
    return f"book_offers {shown} at ledger {request['ledger_index']} ({request['ledger_hash']})"


@lru_cache(maxsize=4096)
def _asked(book: Book) -> Mapping[str, Any]:
    """How a server is asked for a book; do not change it."""
    asked = {"taker_gets": book.taker_gets.to_request(), "taker_pays": book.taker_pays.to_request()}
    return {**asked, "domain": book.domain} if book.domain else asked


@lru_cache(maxsize=4096)
def _sides(book: Book) -> bytes:
    """How records name a book, as members of a line."""
    named: dict[str, Any] = {
        "taker_gets": book.taker_gets.to_record(),
        "taker_pays": book.taker_pays.to_record(),
    }
    return orjson.dumps({**named, "domain": book.domain} if book.domain else named)[1:-1]

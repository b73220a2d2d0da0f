"""Asks for the offers of one side of one book, and makes a record of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ekspiper.core import Permanent, Processor, Retryable

from .books import Asset, record_amount

__all__ = ["FetchBookOffers", "RequestPool", "book_command", "book_offers_record"]

_LIMIT = 100  # the most that a server gives
_ASKED = ("ledger_index", "taker_gets", "taker_pays", "domain")
_AMOUNTS = ("TakerGets", "TakerPays", "taker_gets_funded", "taker_pays_funded")


class RequestPool(Protocol):
    """What is needed of a `NodePool`."""

    async def request(
        self, request: dict[str, Any], /, *, ledger_index: int | None = None
    ) -> dict[str, Any]:
        """The `result` of a request that a node with that ledger answered."""
        ...


class FetchBookOffers(Processor[Mapping[str, Any], dict[str, Any]]):
    """Book request -> record: `ledger_index`, `ledger_hash`, `close_time_iso`, `taker_gets`,
    `taker_pays`, `domain` for the book of a domain, `offers`, `truncated`.

    Args:
        pool: where to ask.
        limit: the most offers of one side, 1 to 100.
    """

    def __init__(self, pool: RequestPool, *, limit: int = _LIMIT) -> None:
        self.pool = pool
        self.limit = limit

    async def process(self, item: Mapping[str, Any]) -> tuple[dict[str, Any]]:
        """The record of one side of one book.

        Raises:
            Retryable: the answer is of another ledger than the request.
            Permanent: the answer has no offers.
        """
        command = book_command(item, limit=self.limit)
        result = await self.pool.request(command, ledger_index=item["ledger_index"])
        _check_ledger(item, result)
        return (book_offers_record(item, result, limit=self.limit),)


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
    record["offers"] = [_offer(offer) for offer in offers]
    # Exactly as many as were asked for may be all, or not: then the record does not claim to be
    # whole.
    record["truncated"] = len(offers) >= limit or "marker" in result
    return record


def _check_ledger(request: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Servers have answered for another ledger: no offers are better than wrong ones."""
    for name in ("ledger_index", "ledger_hash"):
        if str(result.get(name)).upper() != str(request[name]).upper():
            # Another node, or the same one later, may have the right ledger.
            raise Retryable(f"{_named(request)}: the answer is of {name} {result.get(name)}")
    if result.get("validated") is not True:
        raise Retryable(f"{_named(request)}: the answer is not validated")


def _named(request: Mapping[str, Any]) -> str:
    sides = [Asset.of(request[side]) for side in ("taker_gets", "taker_pays")]
    shown = " for ".join(side.mpt_issuance_id or "/".join(filter(None, side[:2])) for side in sides)
    return f"book_offers {shown} at ledger {request['ledger_index']} ({request['ledger_hash']})"


def _offer(offer: Mapping[str, Any]) -> dict[str, Any]:
    """An offer whose amounts all have one shape."""
    record = dict(offer)
    for name in _AMOUNTS:
        if name in record:
            record[name] = record_amount(record[name])
    return record

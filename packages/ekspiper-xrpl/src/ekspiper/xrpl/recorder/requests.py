"""What is asked about a ledger beside the ledger itself."""

from __future__ import annotations

from typing import Any

from ekspiper.core import Processor

from ..client import RequestError
from ..derive import pools_touched
from ..ledger import Ledger
from ..processors.book_offer_builder import BookOfferBuilder
from ..processors.fetch_book_offers import RequestPool, book_command
from .exchange import exchange

__all__ = ["RecordAnswer", "RequestsOf"]


class RequestsOf(Processor[Ledger, dict[str, Any]]):
    """Ledger -> a request for each side of each book, and each AMM pool, that it touched."""

    def __init__(self) -> None:
        self._books = BookOfferBuilder()

    async def process(self, item: Ledger) -> list[dict[str, Any]]:
        """The requests, complete."""
        at = {"ledger_index": item.ledger_index, "api_version": 2}
        books = [book_command(book) for book in await self._books.process(item)]
        touched = pools_touched(each.meta for each in item.transactions)
        pools = [
            {"command": "amm_info", "amm_account": account, **at}
            for account in sorted(touched)
            if not touched[account].deleted
        ]
        return [*books, *pools]


class RecordAnswer(Processor[dict[str, Any], dict[str, Any]]):
    """Request -> the line with its answer; a refusal of the server is recorded as it is."""

    def __init__(self, pool: RequestPool) -> None:
        self._pool = pool

    async def process(self, item: dict[str, Any]) -> tuple[dict[str, Any]]:
        """One line of a recording."""
        try:
            result = await self._pool.request(item, ledger_index=item["ledger_index"])
        except RequestError as error:
            response = {"error": error.error, "error_message": error.error_message}
            return (
                {
                    "request": item,
                    "response": {
                        **response,
                        "request": item,
                        "status": "error",
                        "type": "response",
                    },
                },
            )
        return (exchange(item, result),)

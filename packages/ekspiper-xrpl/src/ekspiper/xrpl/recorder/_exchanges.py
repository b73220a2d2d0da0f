"""Requests and their answers, as lines of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.client import NodePool, RequestError
from ekspiper.xrpl.derive import pools_touched
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import BookOfferBuilder, book_command

__all__ = ["RecordAnswer", "RequestsOf", "exchange", "ledger_exchange"]


def exchange(request: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The line for `result`, in the form in which it crosses a WebSocket."""
    return {
        "request": dict(request),
        "response": {"result": dict(result), "status": "success", "type": "response"},
    }


def ledger_exchange(ledger: Ledger) -> dict[str, Any]:
    """The line for a whole ledger in binary, api_version 2."""
    request = {
        "command": "ledger",
        "ledger_index": ledger.ledger_index,
        "transactions": True,
        "expand": True,
        "binary": True,
        "api_version": 2,
    }
    # Servers give them in the order of their hashes.
    transactions = sorted(ledger.transactions, key=lambda each: each.hash)
    result = {
        "ledger": {
            "closed": True,
            "ledger_data": ledger.header.to_bytes().hex().upper(),
            "transactions": [
                {
                    "hash": each.hash,
                    "meta_blob": each.meta_blob.hex().upper(),
                    "tx_blob": each.tx_blob.hex().upper(),
                }
                for each in transactions
            ],
        },
        "ledger_hash": ledger.ledger_hash,
        "ledger_index": ledger.ledger_index,
        "validated": True,
    }
    return exchange(request, result)


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

    def __init__(self, pool: NodePool) -> None:
        self._pool = pool

    async def process(self, item: dict[str, Any]) -> tuple[dict[str, Any]]:
        """One line of a recording."""
        try:
            result = await self._pool.request(item, ledger_index=item["ledger_index"])
        # A book that the server refuses is part of what it said, and the replay node must refuse it
        # too.
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

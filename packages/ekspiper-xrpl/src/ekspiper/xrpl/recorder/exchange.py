"""A request and its answer, as a line of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ledger import Ledger

__all__ = ["exchange", "ledger_exchange"]


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

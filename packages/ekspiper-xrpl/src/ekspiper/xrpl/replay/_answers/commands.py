"""From a request to its answer, over WebSocket or HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from .._recording import exchange_key
from ..errors import RpcError
from .books import amm_info, book_offers
from .ledger import ledger, ledger_closed, ledger_current
from .ledger_data import ledger_data, ledger_entry
from .server import fee, ping, server_definitions, server_info, server_state
from .testimony import manifest
from .transaction import tx
from .view import View

__all__ = ["COMMANDS", "MAX_API_VERSION", "answer", "check_api_version"]

# Version 3 of rippled is a beta, which servers refuse unless they are configured for it.
MAX_API_VERSION = 2

COMMANDS: Mapping[str, Callable[[View, Mapping[str, Any]], bytes]] = {
    "amm_info": amm_info,
    "book_offers": book_offers,
    "fee": fee,
    "ledger": ledger,
    "ledger_closed": ledger_closed,
    "ledger_current": ledger_current,
    "ledger_data": ledger_data,
    "ledger_entry": ledger_entry,
    "manifest": manifest,
    "ping": ping,
    "server_definitions": server_definitions,
    "server_info": server_info,
    "server_state": server_state,
    "tx": tx,
}


def check_api_version(request: Mapping[str, Any]) -> None:
    """Raises RpcError (invalid_API_version) when the request names a version that is not served."""
    version = request.get("api_version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise RpcError("invalid_API_version")
    if not 1 <= version <= MAX_API_VERSION:
        raise RpcError("invalid_API_version")


def answer(view: View, request: Mapping[str, Any]) -> bytes:
    """The `result` of a request, as JSON. Raises RpcError.

    What no rule answers is looked up among the recorded requests, so that a recording can hold
    commands that this node knows nothing about.
    """
    handler = COMMANDS.get(request["command"])
    try:
        if handler is None:
            raise RpcError("unknownCmd")
        # What can be made of the recording comes first, as it knows which ledgers are closed by
        # now.
        return handler(view, request)
    except RpcError as error:
        return _recorded(view, request, error)


def _recorded(view: View, request: Mapping[str, Any], error: RpcError) -> bytes:
    response = view.recording.exchange(exchange_key(request))
    if response is None:
        raise error
    if "result" not in response:
        raise RpcError.recorded(response)
    result = response["result"]
    # An answer about a ledger that is not closed yet would come from the future: `record` refuses
    # it.
    if isinstance(index := result.get("ledger_index"), int):
        view.record(index)
    return orjson.dumps(result)

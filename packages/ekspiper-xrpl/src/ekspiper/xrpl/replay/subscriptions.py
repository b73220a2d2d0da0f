"""`subscribe` and `unsubscribe`."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson

from .errors import RpcError
from .stream_messages import closed_fields
from .view import View

__all__ = ["STREAMS", "subscribe", "unsubscribe"]

STREAMS = frozenset({"ledger", "transactions"})


def subscribe(view: View, streams: MutableMapping[str, int], request: Mapping[str, Any]) -> bytes:
    """Add streams; the reply to `ledger` tells of the last ledger closed. Raises RpcError."""
    names = _asked(request)
    version = request.get("api_version", 1)
    streams.update(dict.fromkeys(names, version))
    return orjson.dumps(closed_fields(view) if "ledger" in names else {})


def unsubscribe(streams: MutableMapping[str, int], request: Mapping[str, Any]) -> bytes:
    """Remove streams. Raises RpcError."""
    for name in _asked(request):
        streams.pop(name, None)
    return b"{}"


def _asked(request: Mapping[str, Any]) -> list[str]:
    if "url" in request:
        raise RpcError("noPermission")
    if request.keys() & {"accounts", "accounts_proposed", "books"}:
        raise RpcError("notSupported")
    names = request.get("streams", [])
    if not isinstance(names, list):
        raise RpcError("invalidParams")
    if not all(isinstance(name, str) and name in STREAMS for name in names):
        raise RpcError("malformedStream")
    return names

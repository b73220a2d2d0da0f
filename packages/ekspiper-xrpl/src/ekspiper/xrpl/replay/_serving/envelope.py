"""What stands around a result, on a WebSocket and in JSON-RPC.

Results are spliced in as bytes: the largest part of an answer is never parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..errors import RpcError

__all__ = [
    "CLIO_WARNING",
    "json_invalid",
    "rpc_error",
    "rpc_result",
    "socket_error",
    "socket_result",
]

CLIO_WARNING = {
    "id": 2001,
    "message": "This is a clio server. clio only serves validated data. If you want to talk to "
    "rippled, include 'ledger_index':'current' in your request",
}
"""What every response of Clio carries, and how it is known."""

# What servers repeat of a request; clients find their request by `id`.
_ECHOED = ("api_version", "id", "jsonrpc", "ripplerpc")


def socket_result(request: Mapping[str, Any], result: bytes, **extra: Any) -> bytes:
    """A successful response on a WebSocket; `extra` stands beside the result."""
    head = {name: request[name] for name in _ECHOED if name in request}
    tail = b',"status":"success","type":"response"'
    if extra:
        tail += b"," + orjson.dumps(extra)[1:-1]
    # The result is joined as bytes: a ledger of megabytes is not parsed in order to be printed
    # again.
    if not head:
        return b'{"result":' + result + tail + b"}"
    return orjson.dumps(head)[:-1] + b',"result":' + result + tail + b"}"


def socket_error(request: Mapping[str, Any], error: RpcError, **extra: Any) -> bytes:
    """An error response on a WebSocket, with the request as it came."""
    head = {name: request[name] for name in _ECHOED if name in request}
    return orjson.dumps(
        {**head, **error.fields, "request": request, "status": "error", "type": "response", **extra}
    )


def json_invalid(text: str) -> bytes:
    """What rippled says to a frame that is not a JSON object."""
    return orjson.dumps({"error": "jsonInvalid", "type": "error", "value": text})


def rpc_result(result: bytes, *, warning: str | None = None, **extra: Any) -> bytes:
    """A successful JSON-RPC response: status and warning stand among the fields of the result."""
    inside = {"status": "success"} if warning is None else {"status": "success", "warning": warning}
    # `{}` has two bytes, and no member to put a comma after.
    comma = b"," if len(result) > 2 else b""
    beside = b"," + orjson.dumps(extra)[1:-1] if extra else b""
    return b'{"result":' + result[:-1] + comma + orjson.dumps(inside)[1:] + beside + b"}"


def rpc_error(request: Mapping[str, Any], error: RpcError, **extra: Any) -> bytes:
    """A JSON-RPC error response, which HTTP calls a success."""
    result = {**error.fields, "request": request, "status": "error"}
    return orjson.dumps({"result": result, **extra})

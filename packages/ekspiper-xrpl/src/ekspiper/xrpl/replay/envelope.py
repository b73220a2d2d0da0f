"""What stands around a result, on a WebSocket and in JSON-RPC.

Results are spliced in as bytes: the largest part of an answer is never parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .errors import RpcError

__all__ = ["json_invalid", "rpc_error", "rpc_result", "socket_error", "socket_result"]

_ECHOED = ("api_version", "id", "jsonrpc", "ripplerpc")


def socket_result(
    request: Mapping[str, Any], result: bytes, *, warning: str | None = None
) -> bytes:
    """A successful response on a WebSocket."""
    head = {name: request[name] for name in _ECHOED if name in request}
    tail = b',"status":"success","type":"response"'
    if warning is not None:
        tail += b',"warning":' + orjson.dumps(warning)
    if not head:
        return b'{"result":' + result + tail + b"}"
    return orjson.dumps(head)[:-1] + b',"result":' + result + tail + b"}"


def socket_error(request: Mapping[str, Any], error: RpcError) -> bytes:
    """An error response on a WebSocket, with the request as it came."""
    head = {name: request[name] for name in _ECHOED if name in request}
    return orjson.dumps(
        {**head, **error.fields, "request": request, "status": "error", "type": "response"}
    )


def json_invalid(text: str) -> bytes:
    """What rippled says to a frame that is not a JSON object."""
    return orjson.dumps({"error": "jsonInvalid", "type": "error", "value": text})


def rpc_result(result: bytes, *, warning: str | None = None) -> bytes:
    """A successful JSON-RPC response: the status stands among the fields of the result."""
    tail = b'"status":"success"'
    if warning is not None:
        tail += b',"warning":' + orjson.dumps(warning)
    comma = b"," if len(result) > 2 else b""
    return b'{"result":' + result[:-1] + comma + tail + b"}}"


def rpc_error(request: Mapping[str, Any], error: RpcError) -> bytes:
    """A JSON-RPC error response, which HTTP calls a success."""
    return orjson.dumps({"result": {**error.fields, "request": request, "status": "error"}})

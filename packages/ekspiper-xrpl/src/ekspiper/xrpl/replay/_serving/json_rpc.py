"""JSON-RPC over HTTP POST: `{"method": ..., "params": [{...}]}`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson

from .._answers import check_api_version
from ..errors import RpcError
from ..faults import Fault
from .envelope import rpc_error, rpc_result
from .service import Service
from .session import GARBAGE

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["answer_post", "request_of"]

# Over HTTP a server that is too busy says 503, in plain text.
_BUSY = frozenset({"tooBusy", "slowDown", "close1008"})
# Faults that replace the response; the others change it.
_INSTEAD = _BUSY | {"disconnect", "hang", "noAnswer", "garbage", "down"}
_ONLY_ON_A_SOCKET = frozenset({"subscribe", "unsubscribe"})


GoDown = Callable[[float], Awaitable[None]]
"""Drops every connection and refuses new ones for this many seconds."""


async def answer_post(service: Service, http: web.Request, *, go_down: GoDown) -> web.Response:
    """One request, one response; anything else gets HTTP 400 and plain text, as from rippled."""
    from aiohttp import web

    try:
        request = request_of(await http.read())
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\r\n")
    fault = service.fault_for(request)
    if fault is not None and fault.kind in _INSTEAD:
        return await _instead(service, http, fault, go_down)
    late = fault is not None and fault.kind == "slow"
    if fault is not None and (late or fault.kind in ("loadWarning", "hugeFrame")):
        service.count(fault)
    await asyncio.sleep(service.latency + (fault.size if fault is not None and late else 0))
    return web.Response(body=_answer(service, request, fault), content_type="application/json")


async def _instead(
    service: Service, http: web.Request, fault: Fault, go_down: GoDown
) -> web.Response:
    from aiohttp import web

    service.count(fault)
    if fault.kind in _BUSY:
        return web.Response(status=503, text="Server is overloaded\r\n")
    if fault.kind == "garbage":
        return web.Response(body=GARBAGE, content_type="application/json")
    if fault.kind == "down":
        await go_down(fault.size)
    if http.transport is not None:
        # No answer at all: aiohttp would otherwise end the request in good order.
        http.transport.abort()
    return web.Response()


def request_of(body: bytes) -> dict[str, Any]:
    """The request in a JSON-RPC body, `command` added. Raises ValueError with rippled's words."""
    try:
        call = orjson.loads(body)
    except orjson.JSONDecodeError:
        call = None
    if not isinstance(call, dict):
        raise ValueError("Unable to parse request: ")
    method = call.get("method")
    if method is None:
        raise ValueError("Null method")
    if not isinstance(method, str):
        raise ValueError("method is not string")
    if not method:
        raise ValueError("method is empty")
    # rippled takes a missing or empty list of parameters for an empty object.
    params = call.get("params") or [{}]
    if not isinstance(params, list) or len(params) != 1 or not isinstance(params[0], dict):
        raise ValueError("params unparseable")
    # The same shape as over a WebSocket, so that one table of commands serves both.
    request = {**params[0], "command": method}
    try:
        check_api_version(request)
    except RpcError:
        raise ValueError("invalid_API_version") from None
    return request


def _answer(service: Service, request: dict[str, Any], fault: Fault | None) -> bytes:
    kind = fault.kind if fault is not None else None
    wrong = None if kind in ("slow", "loadWarning", "hugeFrame") else fault
    try:
        if request["command"] in _ONLY_ON_A_SOCKET:
            raise RpcError("invalidParams")
        result = service.answer(request, fault=wrong)
    except RpcError as error:
        return rpc_error(request, error, **service.beside(None))
    body = rpc_result(result, **service.beside("load" if kind == "loadWarning" else None))
    return body.ljust(int(fault.size)) if fault is not None and kind == "hugeFrame" else body

"""JSON-RPC over HTTP POST: `{"method": ..., "params": [{...}]}`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from .dispatch import check_api_version
from .envelope import rpc_error, rpc_result
from .errors import RpcError
from .faults import Fault
from .misbehavior import GARBAGE

if TYPE_CHECKING:
    from aiohttp import web

    from .server import ReplayNode

__all__ = ["answer_post", "request_of"]

# Over HTTP a server that is too busy says 503, in plain text.
_BUSY = frozenset({"tooBusy", "slowDown", "close1008"})
_INSTEAD = _BUSY | {"disconnect", "hang", "noAnswer", "garbage", "down"}
_ONLY_ON_A_SOCKET = frozenset({"subscribe", "unsubscribe"})


async def answer_post(node: ReplayNode, http: web.Request) -> web.Response:
    """One request, one response; what is no request gets HTTP 400 and plain text, as from rippled."""
    from aiohttp import web

    try:
        request = request_of(await http.read())
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\r\n")
    fault = node.fault_for(request)
    if fault is not None and fault.kind in _INSTEAD:
        return await _instead(node, http, fault)
    late = fault is not None and fault.kind == "slow"
    if fault is not None and (late or fault.kind in ("loadWarning", "hugeFrame")):
        node.count(fault)
    await asyncio.sleep(node.latency + (fault.size if fault is not None and late else 0))
    return web.Response(body=_answer(node, request, fault), content_type="application/json")


async def _instead(node: ReplayNode, http: web.Request, fault: Fault) -> web.Response:
    from aiohttp import web

    node.count(fault)
    if fault.kind in _BUSY:
        return web.Response(status=503, text="Server is overloaded\r\n")
    if fault.kind == "garbage":
        return web.Response(body=GARBAGE, content_type="application/json")
    if fault.kind == "down":
        await node.go_down(fault.size)
    if http.transport is not None:
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
    params = call.get("params") or [{}]
    if not isinstance(params, list) or len(params) != 1 or not isinstance(params[0], dict):
        raise ValueError("params unparseable")
    request = {**params[0], "command": method}
    try:
        check_api_version(request)
    except RpcError:
        raise ValueError("invalid_API_version") from None
    return request


def _answer(node: ReplayNode, request: dict[str, Any], fault: Fault | None) -> bytes:
    kind = fault.kind if fault is not None else None
    wrong = None if kind in ("slow", "loadWarning", "hugeFrame") else fault
    try:
        if request["command"] in _ONLY_ON_A_SOCKET:
            raise RpcError("invalidParams")
        result = node.answer(request, fault=wrong)
    except RpcError as error:
        return rpc_error(request, error, **node.beside(None))
    body = rpc_result(result, **node.beside("load" if kind == "loadWarning" else None))
    return body.ljust(int(fault.size)) if fault is not None and kind == "hugeFrame" else body

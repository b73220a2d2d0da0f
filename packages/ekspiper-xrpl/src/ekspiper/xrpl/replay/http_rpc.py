"""JSON-RPC over HTTP POST: `{"method": ..., "params": [{...}]}`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from .dispatch import check_api_version
from .envelope import rpc_error, rpc_result
from .errors import RpcError

if TYPE_CHECKING:
    from aiohttp import web

    from .server import ReplayNode

__all__ = ["answer_post", "request_of"]

_ONLY_ON_A_SOCKET = frozenset({"subscribe", "unsubscribe"})


async def answer_post(node: ReplayNode, http: web.Request) -> web.Response:
    """One request, one response; what is no request gets HTTP 400 and plain text, as from rippled."""
    from aiohttp import web

    try:
        request = request_of(await http.read())
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\r\n")
    if node.latency:
        await asyncio.sleep(node.latency)
    return web.Response(body=_answer(node, request), content_type="application/json")


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


def _answer(node: ReplayNode, request: dict[str, Any]) -> bytes:
    try:
        if request["command"] in _ONLY_ON_A_SOCKET:
            raise RpcError("invalidParams")
        return rpc_result(node.answer(request))
    except RpcError as error:
        return rpc_error(request, error)

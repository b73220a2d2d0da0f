"""One WebSocket connection to the replay node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from .dispatch import check_api_version
from .envelope import json_invalid, socket_error, socket_result
from .errors import RpcError
from .stream_messages import transaction_messages
from .subscriptions import subscribe, unsubscribe

if TYPE_CHECKING:
    from aiohttp import web

    from .server import ReplayNode

__all__ = ["Session"]


class Session:
    """Reads requests, answers them in turn, and sends the streams that the client subscribed to.

    A client that reads slowly holds up its own messages only.
    """

    def __init__(
        self,
        node: ReplayNode,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
    ) -> None:
        self._node = node
        self._socket = socket
        self._transport = transport
        self._outbox: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self.streams: dict[str, int] = {}
        """The streams subscribed to, each with the API version of its messages."""

    async def run(self) -> None:
        """Serve until the client leaves."""
        from aiohttp import WSMsgType

        self._start(self._send_streams())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                    await self._receive(message.data)
        except ConnectionError:
            pass  # The client is gone, in the middle of an answer: the same as leaving.
        finally:
            await self._stop()

    def announce(self, ledger_index: int, closed: bytes) -> None:
        """Queue the messages of a ledger that has just been released."""
        if self.streams:
            self._outbox.put_nowait((ledger_index, closed))

    def abort(self) -> None:
        """Cut the connection: no close frame, no goodbye."""
        if self._transport is not None:
            self._transport.abort()

    async def _receive(self, text: str | bytes) -> None:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            shown = text if isinstance(text, str) else text.decode(errors="replace")
            await self._send(json_invalid(shown))
            return
        delay = self._node.latency
        if delay:
            self._start(self._answer_later(request, delay))
        else:
            await self._send(self._answer(request))

    async def _answer_later(self, request: dict[str, Any], delay: float) -> None:
        payload = self._answer(request)
        await asyncio.sleep(delay)
        await self._send(payload)

    def _answer(self, request: dict[str, Any]) -> bytes:
        try:
            check_api_version(request)
            return socket_result(request, self._result(_named(request)))
        except RpcError as error:
            return socket_error(request, error)

    def _result(self, request: Mapping[str, Any]) -> bytes:
        if request["command"] == "subscribe":
            result = subscribe(self._node.view, self.streams, request)
            self._node.note_subscriber()
            return result
        if request["command"] == "unsubscribe":
            return unsubscribe(self.streams, request)
        return self._node.answer(request)

    async def _send_streams(self) -> None:
        try:
            while True:
                ledger_index, closed = await self._outbox.get()
                if "ledger" in self.streams:
                    await self._send(closed)
                if "transactions" in self.streams:
                    version = self.streams["transactions"]
                    view = self._node.view
                    for message in transaction_messages(view, ledger_index, api_version=version):
                        await self._send(message)
        except ConnectionError:
            return  # The reader sees the same and ends the session.

    async def _send(self, payload: bytes) -> None:
        from aiohttp import WSMsgType

        await self._socket.send_frame(payload, WSMsgType.TEXT)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _named(request: dict[str, Any]) -> Mapping[str, Any]:
    """The request with its `command`. Raises RpcError (missingCommand)."""
    command, method = request.get("command"), request.get("method")
    name = method if command is None else command
    if not isinstance(name, str) or (command is not None and method not in (None, command)):
        raise RpcError("missingCommand")
    return request if command is not None else {**request, "command": name}

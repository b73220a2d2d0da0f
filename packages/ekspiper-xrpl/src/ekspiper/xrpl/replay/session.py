"""One WebSocket connection to the replay node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from .dispatch import check_api_version
from .envelope import json_invalid, socket_error, socket_result
from .errors import RpcError
from .faults import Fault
from .misbehavior import misbehave
from .stream_messages import transaction_messages
from .subscriptions import subscribe, unsubscribe

if TYPE_CHECKING:
    from aiohttp import web

    from .server import ReplayNode

__all__ = ["Session"]

Request = dict[str, Any]

_log = logging.getLogger("ekspiper.xrpl.replay")


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
        self.node = node
        self.socket = socket
        self.transport = transport
        self.streams: dict[str, int] = {}
        """The streams subscribed to, each with the API version of its messages."""
        self.is_hanging = False
        """Whether nothing is sent any more (fault `hang`)."""
        self._outbox: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client leaves."""
        from aiohttp import WSMsgType

        self._start(self._send_streams())
        try:
            async for message in self.socket:
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
        if self.transport is not None:
            self.transport.abort()

    def answer(
        self, request: Request, *, fault: Fault | None = None, warning: str | None = None
    ) -> bytes:
        """The frame that answers a request."""
        beside = self.node.beside(warning)
        try:
            check_api_version(request)
            result = self._result(_named(request), fault)
        except RpcError as error:
            return socket_error(request, error, **beside)
        return socket_result(request, result, **beside)

    async def send(self, payload: bytes) -> None:
        """Send one frame, when the client has read enough of what went before."""
        from aiohttp import WSMsgType

        if self.is_hanging or self.transport is None or self.transport.is_closing():
            return
        await self.socket.send_frame(payload, WSMsgType.TEXT)

    async def send_later(self, payload: bytes, delay: float) -> None:
        """Send a frame after so many seconds; other answers do not wait for it."""

        async def send() -> None:
            await asyncio.sleep(delay)
            await self.send(payload)

        self._start(send())

    async def _receive(self, text: str | bytes) -> None:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            shown = text if isinstance(text, str) else text.decode(errors="replace")
            await self.send(json_invalid(shown))
        elif (fault := self.node.fault_for(request)) is not None:
            await misbehave(self, request, fault)
        elif self.node.latency:
            await self.send_later(self.answer(request), self.node.latency)
        else:
            await self.send(self.answer(request))

    def _result(self, request: Mapping[str, Any], fault: Fault | None) -> bytes:
        if request["command"] == "subscribe":
            result = subscribe(self.node.view, self.streams, request)
            self.node.note_subscriber()
            return result
        if request["command"] == "unsubscribe":
            return unsubscribe(self.streams, request)
        return self.node.answer(request, fault=fault)

    async def _send_streams(self) -> None:
        held_back: tuple[int, bytes] | None = None
        while True:
            released = await self._outbox.get()
            fault = self.node.fault_in_stream(released[0])
            kind = fault.kind if fault else None
            if kind == "silent":
                return
            if kind == "outOfOrder" and held_back is None:
                held_back = released
                continue
            for _ in range({"skipped": 0, "duplicate": 2}.get(kind or "", 1)):
                await self._send_ledger(*released)
            if held_back is not None:
                await self._send_ledger(*held_back)
                held_back = None

    async def _send_ledger(self, ledger_index: int, closed: bytes) -> None:
        if "ledger" in self.streams:
            await self.send(closed)
        version = self.streams.get("transactions")
        if version is None:
            return
        try:
            messages = transaction_messages(self.node.view, ledger_index, api_version=version)
        except RpcError as error:
            told = error.fields.get("error_message", error)
            _log.warning("stream transactions: nothing to send: %s", told)
            return
        for message in messages:
            await self.send(message)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_until_gone(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never awaits its work.
        task.add_done_callback(lambda _: work.close())

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_gone(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ConnectionError:
        return  # The client has left; the reader sees the same and ends the session.


def _named(request: Request) -> Mapping[str, Any]:
    """The request with its `command`. Raises RpcError (missingCommand)."""
    command, method = request.get("command"), request.get("method")
    name = method if command is None else command
    if not isinstance(name, str) or (command is not None and method not in (None, command)):
        raise RpcError("missingCommand")
    return request if command is not None else {**request, "command": name}

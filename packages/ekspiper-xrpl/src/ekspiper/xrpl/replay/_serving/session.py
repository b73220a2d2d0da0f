"""One WebSocket connection to the replay node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from .._answers import Heard, check_api_version, subscribe, transaction_messages, unsubscribe
from ..errors import RpcError
from ..faults import Fault
from .envelope import json_invalid, socket_error, socket_result
from .service import Service

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["GARBAGE", "Session"]

Request = dict[str, Any]

_LEDGERS = frozenset({"ledger", "transactions"})
_TESTIMONY = frozenset({"manifests", "validations"})
_NOT_CLOSED_NOW = b""

GARBAGE = b'{"id":17,"result":{"ledger":{"closed":tr'
"""A frame that is not JSON."""

_log = logging.getLogger("ekspiper.xrpl.replay")


class Session:
    """Reads requests, answers them in turn, and sends the streams that the client subscribed to.

    A client that reads slowly holds up its own messages only.

    Args:
        service: what to answer.
        go_down: drops every connection of the node and refuses new ones for this many seconds.
    """

    def __init__(
        self,
        service: Service,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        go_down: Callable[[float], Awaitable[None]],
    ) -> None:
        self.service = service
        self.go_down = go_down
        self.socket = socket
        self.transport = transport
        self.streams: dict[str, int] = {}
        """The streams subscribed to, each with the API version of its messages."""
        self.is_hanging = False
        """Whether nothing more is sent (fault `hang`)."""
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
            pass  # The client left in the middle of an answer.
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
        beside = self.service.beside(warning)
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
        """Send a frame after this many seconds; other answers do not wait for it."""

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
        elif (fault := self.service.fault_for(request)) is not None:
            await _misbehave(self, request, fault)
        elif self.service.latency:
            await self.send_later(self.answer(request), self.service.latency)
        else:
            await self.send(self.answer(request))

    def _result(self, request: Mapping[str, Any], fault: Fault | None) -> bytes:
        if request["command"] == "subscribe":
            result = subscribe(self.service.view, self.streams, request)
            self._repeat_testimony(request.get("streams", ()))
            if not _LEDGERS.isdisjoint(request.get("streams", ())):
                self.service.note_subscriber()
            return result
        if request["command"] == "unsubscribe":
            return unsubscribe(self.streams, request)
        return self.service.answer(request, fault=fault)

    def _repeat_testimony(self, streams: Collection[str]) -> None:
        """Validations may come late, so a new subscriber gets those of the newest ledger.

        Otherwise nobody could hear who signed the last ledger of a recording that is closed.
        """
        last = self.service.view.last
        if last is not None and not _TESTIMONY.isdisjoint(streams):
            self._outbox.put_nowait((last.index, _NOT_CLOSED_NOW))

    async def _send_streams(self) -> None:
        held_back: tuple[int, bytes] | None = None
        while True:
            released = await self._outbox.get()
            if released[1] is _NOT_CLOSED_NOW:
                for part in self.service.heard(released[0]):
                    await self._send_heard(part)
                continue
            fault = self.service.fault_in_stream(released[0])
            kind = fault.kind if fault else None
            if kind == "silent":
                return
            # Of two such faults in a row the second is not carried out: it would undo the first.
            if kind == "outOfOrder" and held_back is None:
                held_back = released
                continue
            for _ in range({"skipped": 0, "duplicate": 2}.get(kind or "", 1)):
                await self._send_ledger(*released)
            if held_back is not None:
                await self._send_ledger(*held_back)
                held_back = None

    async def _send_ledger(self, ledger_index: int, closed: bytes) -> None:
        before, late = self.service.heard(ledger_index)
        await self._send_heard(before)
        if "ledger" in self.streams:
            await self.send(closed)
        await self._send_transactions(ledger_index)
        await self._send_heard(late)

    async def _send_heard(self, messages: Sequence[Heard]) -> None:
        for each in messages:
            if (version := self.streams.get(each.stream)) is not None:
                await self.send(each.message(api_version=version))

    async def _send_transactions(self, ledger_index: int) -> None:
        version = self.streams.get("transactions")
        if version is None:
            return
        try:
            messages = transaction_messages(self.service.view, ledger_index, api_version=version)
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


async def _misbehave(session: Session, request: dict[str, Any], fault: Fault) -> None:
    """Carry out a fault on a WebSocket; what is wrong with the answer itself is made elsewhere."""
    act = _ACTS.get(fault.kind)
    if act is None:
        await session.send_later(session.answer(request, fault=fault), session.service.latency)
        return
    session.service.count(fault)
    await act(session, request, fault)


async def _disconnect(session: Session, request: dict[str, Any], fault: Fault) -> None:
    payload = session.answer(request)
    transport = session.transport
    if transport is not None:
        # Past the library: it would send a whole frame, and say goodbye.
        transport.write(_frame_head(len(payload)) + payload[: len(payload) // 2])
        transport.close()


async def _hang(session: Session, request: dict[str, Any], fault: Fault) -> None:
    session.is_hanging = True


async def _no_answer(session: Session, request: dict[str, Any], fault: Fault) -> None:
    return


async def _slow(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send_later(session.answer(request), fault.size + session.service.latency)


async def _garbage(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send(GARBAGE)


async def _huge_frame(session: Session, request: dict[str, Any], fault: Fault) -> None:
    # Spaces are allowed around JSON, so the answer is right, only large.
    await session.send(session.answer(request).ljust(int(fault.size)))


async def _load_warning(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send_later(session.answer(request, warning="load"), session.service.latency)


async def _close_1008(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.socket.close(code=1008, message=b"threshold exceeded")


async def _down(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.go_down(fault.size)


_ACTS: Mapping[str, Callable[[Session, dict[str, Any], Fault], Awaitable[None]]] = {
    "disconnect": _disconnect,
    "hang": _hang,
    "noAnswer": _no_answer,
    "slow": _slow,
    "garbage": _garbage,
    "hugeFrame": _huge_frame,
    "loadWarning": _load_warning,
    "close1008": _close_1008,
    "down": _down,
}


def _frame_head(size: int) -> bytes:
    """The head of an unmasked text frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2)
    return b"\x81\x7f" + size.to_bytes(8)

"""A node that a test can script: it serves recorded ledgers, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from ssl import SSLContext
from typing import Any

import orjson
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.sources import LedgerRef

from ...ports import free_port

Message = dict[str, Any]
Fault = Callable[["ScriptedNode", ServerConnection, Message, Message], Awaitable[bool]]


class ScriptedNode:
    """Serves `ledgers` (index -> result) up to `closed`. `fault` may take over an answer."""

    def __init__(
        self,
        ledgers: dict[int, Message],
        *,
        closed: int | None = None,
        holds: str | None = None,
        network_id: int | None = None,
        clio: bool = False,
        fault: Fault | None = None,
        ssl: SSLContext | None = None,
        compression: str | None = None,
    ) -> None:
        self.ledgers = ledgers
        self.closed = closed or max(ledgers)
        self.holds = holds
        self.network_id = network_id
        self.clio = clio
        self.fault = fault
        self.ssl = ssl
        self.compression = compression
        self.handshakes: list[Request] = []
        self.requests: list[Message] = []
        self.port = free_port()
        self.connections = 0
        self._server: Server | None = None
        self._subscribers: set[ServerConnection] = set()
        self._asked = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def asked(self, command: str) -> list[Message]:
        return [r for r in self.requests if r["command"] == command]

    async def until_asked(self, command: str, times: int = 1) -> None:
        """Return when so many requests of a command have come."""
        async with self._asked:
            await self._asked.wait_for(lambda: len(self.asked(command)) >= times)

    async def start(self) -> None:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            self.port,
            ssl=self.ssl,
            compression=self.compression,
            max_size=None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            for connection in self._server.connections:
                connection.transport.abort()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def close_ledger(self, index: int) -> None:
        """The ledger is validated now, and subscribers hear of it."""
        self.closed = index
        for connection in tuple(self._subscribers):
            await self.send(connection, self.closed_message(index))

    def closed_message(self, index: int) -> Message:
        result = self.ledgers[index]
        header = LedgerHeader.from_bytes(bytes.fromhex(result["ledger"]["ledger_data"]))
        return {
            "type": "ledgerClosed",
            "ledger_index": index,
            "ledger_hash": result["ledger_hash"],
            "ledger_time": header.close_time,
            "txn_count": len(result["ledger"]["transactions"]),
            "validated_ledgers": self.complete_ledgers,
        }

    @property
    def complete_ledgers(self) -> str:
        return self.holds or f"{min(self.ledgers)}-{self.closed}"

    async def send(self, connection: ServerConnection, message: Message) -> None:
        try:
            await connection.send(orjson.dumps(message).decode())
        except ConnectionClosed:
            self._subscribers.discard(connection)

    async def _talk(self, connection: ServerConnection) -> None:
        self.connections += 1
        assert connection.request is not None
        self.handshakes.append(connection.request)
        async with asyncio.TaskGroup() as tasks:
            with suppress(ConnectionClosed):
                async for text in connection:
                    request = orjson.loads(text)
                    async with self._asked:
                        self.requests.append(request)
                        self._asked.notify_all()
                    tasks.create_task(self._answer(connection, request))
        self._subscribers.discard(connection)

    async def _answer(self, connection: ServerConnection, request: Message) -> None:
        response = self.response(request)
        if request["command"] == "subscribe":
            self._subscribers.add(connection)
        if self.fault is not None and await self.fault(self, connection, request, response):
            return
        await self.send(connection, response)

    def response(self, request: Message) -> Message:
        result = self._result(request)
        response: Message = {"id": request["id"], "type": "response", "status": "success"}
        if "error" in result:
            response.update(status="error", request=request, **result)
        else:
            response["result"] = result
        if self.clio:
            response["warnings"] = [{"id": 2001, "message": "This is a clio server."}]
        return response

    def _result(self, request: Message) -> Message:
        match request["command"]:
            case "server_info":
                info: Message = {"complete_ledgers": self.complete_ledgers, "load_factor": 1}
                info["clio_version" if self.clio else "build_version"] = "2.3.0"
                if self.network_id is not None:
                    info["network_id"] = self.network_id
                return {"info": info}
            case "subscribe":
                message = self.closed_message(self.closed)
                return {k: v for k, v in message.items() if k not in ("type", "txn_count")}
            case "ledger":
                index = request["ledger_index"]
                if index in self.ledgers and index <= self.closed:
                    return self.ledgers[index]
                return {"error": "lgrNotFound", "error_message": "ledgerNotFound"}
            case "ping":
                return {}
            case _:
                return {"error": "unknownCmd", "error_message": "Unknown method."}


class MemoryConnection:
    """Both ends of a connection without a socket: one for `NodePool`, one for a scripted node."""

    def __init__(self, node: MemoryNode, on_text: Callable[[bytes], None]) -> None:
        self.received = 0
        self.close_code: int | None = None
        self.transport = self
        self._node = node
        self._on_text = on_text
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # The client's end.

    def send_now(self, text: str) -> None:
        if not self._lost.done():
            self._node.take(self, orjson.loads(text))

    def drop(self) -> None:
        self._lose("connection lost")

    async def closed(self) -> str:
        return await asyncio.shield(self._lost)

    # The node's end.

    async def send(self, text: str) -> None:
        if not self._lost.done():
            self.received += len(text)
            asyncio.get_running_loop().call_soon(self._arrive, text.encode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.close_code = code
        self._lose(f"closed with {code} {reason}".rstrip())

    def abort(self) -> None:
        self._lose("connection lost")

    def _arrive(self, data: bytes) -> None:
        if not self._lost.done():
            self._on_text(data)

    def _lose(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)
            self._node.lose(self)


class MemoryNode(ScriptedNode):
    """A scripted node without sockets, for tests on the virtual clock."""

    is_up = True

    def __init__(self, ledgers: dict[int, Message], **options: Any) -> None:
        super().__init__(ledgers, **options)
        self._connections: set[MemoryConnection] = set()
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.is_up = True

    async def stop(self) -> None:
        self.is_up = False
        for connection in tuple(self._connections):
            connection.abort()

    def connect(self, on_text: Callable[[bytes], None]) -> MemoryConnection:
        if not self.is_up:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        self.connections += 1
        connection = MemoryConnection(self, on_text)
        self._connections.add(connection)
        return connection

    def take(self, connection: MemoryConnection, request: Message) -> None:
        task = asyncio.ensure_future(self._hear(connection, request))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def lose(self, connection: MemoryConnection) -> None:
        self._connections.discard(connection)
        self._subscribers.discard(connection)  # type: ignore[arg-type]

    async def _hear(self, connection: MemoryConnection, request: Message) -> None:
        async with self._asked:
            self.requests.append(request)
            self._asked.notify_all()
        await self._answer(connection, request)  # type: ignore[arg-type]


class Memory:
    """A network of nodes without sockets."""

    def __init__(self, ledgers: dict[int, Message]) -> None:
        self._ledgers = ledgers
        self._nodes: dict[str, MemoryNode] = {}

    def node(self, **options: Any) -> MemoryNode:
        """One more node."""
        node = MemoryNode(options.pop("ledgers", self._ledgers), **options)
        node.port = 1 + len(self._nodes)
        self._nodes[node.url] = node
        return node

    def pool(self, *nodes: MemoryNode, **options: Any) -> NodePool:
        """A pool of them."""
        return NodePool([node.url for node in nodes], connect=self._connect, **options)

    async def _connect(self, url: str, on_text: Any, *, timeout: float) -> MemoryConnection:
        await asyncio.sleep(0.01)
        return self._nodes[url].connect(on_text)


@pytest.fixture
def memory(ledgers: dict[int, Message]) -> Memory:
    """Nodes without sockets: with `@virtual` an hour of waiting takes no time."""
    return Memory(ledgers)


@pytest.fixture(scope="session")
def ledgers() -> dict[int, Message]:
    """Forty recorded ledgers: index -> `result` of `ledger`, binary."""
    with gzip.open(SAMPLE / "ledger_v2_binary.jsonl.gz") as file:
        lines = [orjson.loads(line) for line in file]
    return {line["request"]["ledger_index"]: line["response"]["result"] for line in lines[:40]}


@pytest.fixture
async def node(ledgers: dict[int, Message]) -> AsyncIterator[Callable[..., Any]]:
    """Starts a scripted node: `await node(fault=...)`."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> ScriptedNode:
            scripted = ScriptedNode(options.pop("ledgers", ledgers), **options)
            await scripted.start()
            stack.push_async_callback(scripted.stop)
            return scripted

        yield start


@pytest.fixture
def fetch_in_order() -> Callable[..., Awaitable[list[Ledger]]]:
    """Fetches the ledgers of a source side by side, and gives them in the source's order."""

    async def fetch(
        pool: NodePool, source: AsyncIterator[LedgerRef], *, concurrency: int = 8
    ) -> list[Ledger]:
        fetcher = FetchLedger(pool)
        running: deque[asyncio.Task[Ledger]] = deque()
        done: list[Ledger] = []
        try:
            async for ref in source:
                running.append(asyncio.ensure_future(fetcher.fetch(ref)))
                if len(running) >= concurrency:
                    done.append(await running.popleft())
            while running:
                done.append(await running.popleft())
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return done

    return fetch


@pytest.fixture
def is_whole() -> Callable[..., bool]:
    """Whether ledgers are those of the recording: all, in order, once, and linked."""

    def check(got: Iterable[Ledger], expected: dict[int, Message]) -> bool:
        listed = list(got)
        assert [one.ledger_index for one in listed] == sorted(expected)
        for one in listed:
            result = expected[one.ledger_index]
            assert one.ledger_hash == result["ledger_hash"]
            assert len(one.transactions) == len(result["ledger"]["transactions"])
        return True

    return check


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[..., list[str]]:
    """The lines of the client's log so far, from WARNING up unless a level is given."""
    caplog.set_level(logging.INFO, "ekspiper.xrpl.client")

    def lines(level: int = logging.WARNING) -> list[str]:
        ours = [r for r in caplog.records if r.name.startswith("ekspiper.")]
        return [r.getMessage() for r in ours if r.levelno >= level]

    return lines

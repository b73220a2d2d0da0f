"""A node that a test can script: it serves recorded ledgers, and misbehaves on demand."""

from __future__ import annotations

import asyncio
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
from ekspiper.xrpl.processors.fetch_ledger import FetchLedger
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.sources import LedgerRef

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
        self.port = 0
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

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from websockets.asyncio.server import serve

from ekspiper.xrpl.client._wire import Wire
from ekspiper.xrpl.client.url import is_loopback


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("ws://127.0.0.1:6006", True),
        ("ws://[::1]:6006", True),
        ("ws://localhost:1", True),
        ("wss://s1.ripple.com", False),
        ("ws://10.0.0.1", False),
    ],
)
def test_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local


async def test_fragmented_and_binary_messages_arrive_whole() -> None:
    async def talk(connection: Any) -> None:
        await connection.send(["one ", "two ", "three"])
        await connection.send(b"binary")
        await connection.wait_closed()

    got: asyncio.Queue[bytes] = asyncio.Queue()
    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(
            f"ws://127.0.0.1:{port}", lambda text: got.put_nowait(bytes(text)), timeout=5
        )
        assert [await got.get(), await got.get()] == [b"one two three", b"binary"]
        assert wire.received > len(b"one two threebinary")
        wire.drop()
        assert await wire.closed() == "connection lost"


class _Counted:
    """A transport, and what is written to it."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.sizes.append(len(data))
        self._transport.write(data)


async def test_what_is_sent_in_one_turn_leaves_in_one_write_before_the_end() -> None:
    got: list[Any] = []

    async def listen(connection: Any) -> None:
        got.extend([message async for message in connection])

    async with serve(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(f"ws://127.0.0.1:{port}", lambda _: None, timeout=5)
        counted = _Counted(wire._socket)
        wire._socket = cast("asyncio.Transport", counted)
        for text in (b"one", b"two", b"three"):
            wire.send_now(text)
        await asyncio.sleep(0)
        assert len(counted.sizes) == 1
        wire.send_now(b"last")
        await wire.close()
        wire.send_now(b"too late")
    assert got == ["one", "two", "three", "last"]
    assert len(counted.sizes) == 1


async def test_nothing_is_sent_over_a_connection_that_is_dropped() -> None:
    async def listen(connection: Any) -> None:
        await connection.wait_closed()

    async with serve(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(f"ws://127.0.0.1:{port}", lambda _: None, timeout=5)
        counted = _Counted(wire._socket)
        wire._socket = cast("asyncio.Transport", counted)
        wire.send_now(b"one")
        wire.drop()
        wire.send_now(b"two")
        await wire.closed()
    assert counted.sizes == []

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import serve

from ekspiper.xrpl.client._wire import Wire, is_loopback


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

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import serve

from ekspiper.xrpl.client._wire import Wire, _Gathering
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


class _Sent(asyncio.Transport):
    """What reaches the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes | str] = []
        self.is_gone = False

    def write(self, data: Any) -> None:
        self.calls.append(bytes(data))

    def write_eof(self) -> None:
        self.calls.append("eof")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.is_gone = True

    def is_closing(self) -> bool:
        return self.is_gone


async def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    sent = _Sent()
    gathering = _Gathering(sent)
    gathering.write(b"one ")
    gathering.write(b"two")
    assert sent.calls == []
    await asyncio.sleep(0)
    gathering.write(b"three")
    await asyncio.sleep(0)
    assert sent.calls == [b"one two", b"three"]


async def test_what_is_written_before_the_end_is_sent_before_it() -> None:
    sent = _Sent()
    gathering = _Gathering(sent)
    gathering.write(b"one")
    gathering.write_eof()
    gathering.write(b"two")
    gathering.close()
    await asyncio.sleep(0)
    assert sent.calls == [b"one", "eof", b"two", "close"]


async def test_nothing_is_sent_over_a_connection_that_is_gone() -> None:
    sent = _Sent()
    gathering = _Gathering(sent)
    gathering.write(b"one")
    gathering.abort()
    await asyncio.sleep(0)
    assert sent.calls == []

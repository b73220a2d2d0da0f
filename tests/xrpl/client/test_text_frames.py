"""Messages taken out of what a server sends, wherever the bytes are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from ekspiper.xrpl.client._wire import TextFrames, Wire

LONGEST = 100_000
TEXTS = st.integers(0, 70_000).map(lambda size: b"{%s}" % (b"x" * size))


def text(content: bytes, **bits: bool) -> bytes:
    return Frame(Opcode.TEXT, content, **bits).serialize(mask=False)


def control(opcode: Any, content: bytes = b"") -> bytes:
    return Frame(opcode, content).serialize(mask=False)


def split(stream: bytes, cuts: Sequence[int]) -> list[tuple[bool, bytes]]:
    frames = TextFrames(longest=LONGEST)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [
        (is_text, bytes(piece))
        for begin, end in pairwise(places)
        for is_text, piece in frames.split(stream[begin:end])
    ]


def for_library(pieces: list[tuple[bool, bytes]]) -> bytes:
    return b"".join(piece for is_text, piece in pieces if not is_text)


@given(
    st.lists(TEXTS | st.sampled_from([Opcode.PING, Opcode.PONG]), max_size=6),
    st.lists(st.integers(0, 200_000), max_size=6),
)
def test_messages_are_whole_wherever_the_bytes_are_cut(items: list[Any], cuts: list[int]) -> None:
    texts = [item for item in items if isinstance(item, bytes)]
    controls = [control(item, b"hm") for item in items if not isinstance(item, bytes)]
    stream = b"".join(text(i) if isinstance(i, bytes) else control(i, b"hm") for i in items)
    pieces = split(stream, cuts)
    assert [piece for is_text, piece in pieces if is_text] == texts
    assert for_library(pieces) == b"".join(controls)


@given(
    st.sampled_from(
        [
            text(b"one", fin=False) + Frame(Opcode.CONT, b"two").serialize(mask=False),
            b"\xc1\x08deflated",
            Frame(Opcode.TEXT, b"masked").serialize(mask=True),
            control(Opcode.CLOSE, b"\x03\xe8"),
            text(b"x" * (LONGEST + 1)),
            b"\x00",
        ]
    ),
    st.lists(st.integers(0, 50), max_size=4),
)
def test_from_the_first_other_frame_on_everything_is_for_the_library(
    other: bytes, cuts: list[int]
) -> None:
    pieces = split(text(b"first") + other + text(b"last"), cuts)
    assert [piece for is_text, piece in pieces if is_text] == [b"first"]
    assert for_library(pieces) == other + text(b"last")


def test_every_cut_of_a_short_stream() -> None:
    stream = text(b"") + control(Opcode.PING) + text(b"a" * 200) + text(b"bc")
    for cut in range(len(stream)):
        for further in range(cut, len(stream)):
            pieces = split(stream, [cut, further])
            assert [piece for is_text, piece in pieces if is_text] == [b"", b"a" * 200, b"bc"]


async def received(talk: Any, count: int) -> tuple[list[bytes], str]:
    """The first messages of a server, and how the connection ended."""
    got: asyncio.Queue[bytes] = asyncio.Queue()
    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(
            f"ws://127.0.0.1:{port}", lambda text: got.put_nowait(bytes(text)), timeout=5
        )
        wire.send_now(b"begin")
        texts = [await got.get() for _ in range(count)]
        await wire.close()
        return texts, await wire.closed()


@pytest.mark.parametrize("waits", [True, False])
async def test_messages_in_pieces_stay_in_their_place(waits: bool) -> None:
    pongs: list[float] = []

    async def talk(connection: ServerConnection) -> None:
        if waits:  # otherwise the first may come with the handshake, before anybody reads
            await connection.recv()
        for nth in range(3):
            await connection.send(f"whole {nth}")
            pongs.append(await (await connection.ping()))
        await connection.send(["in ", "pieces"])
        await connection.send("x" * 300_000)
        await connection.wait_closed()

    texts, end = await received(talk, 5)
    assert texts == [b"whole 0", b"whole 1", b"whole 2", b"in pieces", b"x" * 300_000]
    assert len(pongs) == 3
    assert end == "closed with 1000"


async def test_what_goes_wrong_with_a_message_is_raised_at_the_end() -> None:
    def refuse(message: object) -> None:
        raise RuntimeError("cannot take it")

    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("one")
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(f"ws://127.0.0.1:{port}", refuse, timeout=5)
        wire.send_now(b"begin")
        with pytest.raises(RuntimeError, match="cannot take it"):
            await wire.closed()


async def test_whole_messages_do_not_pass_through_the_library() -> None:
    """It is what makes them cheap, and would be lost without a word."""

    async def talk(connection: ServerConnection) -> None:
        for _ in range(3):
            await connection.send(await connection.recv())
        await connection.wait_closed()

    got: asyncio.Queue[type] = asyncio.Queue()
    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.open(
            f"ws://127.0.0.1:{port}", lambda text: got.put_nowait(type(text)), timeout=5
        )
        for _ in range(3):
            wire.send_now(b"same")
        assert [await got.get() for _ in range(3)] == [memoryview] * 3
        wire.drop()
        await wire.closed()

"""A server of the Fluent forward protocol with moods: it is down, hangs, answers garbage, or forgets.

`python -m tests.soak.forward_sink FOLDER COUNT MOST` is its process. It prints its port; a line
`MOOD SECONDS` on its standard input changes its mood; at the end of its standard input it prints
what it has acknowledged, and ends.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import msgpack

from .tally import Tally

__all__ = ["MOODS"]

MOODS = ("down", "hang", "garbage", "forget")
"""No connection is accepted; nothing is read; an answer that is not the protocol; chunks are
stored and never acknowledged, so that they come again."""

_GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class ForwardSink:
    """Takes chunks, tallies what is in them, and acknowledges."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._mood = ""
        self._awake = asyncio.Event()
        self._awake.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=0)
        try:
            while data := await reader.read(1 << 16):
                await self._awake.wait()
                if self._mood == "garbage":
                    writer.write(_GARBAGE)
                    break
                unpacker.feed(data)
                for message in unpacker:
                    self._take(message, writer)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, message: Any, writer: asyncio.StreamWriter) -> None:
        tag, entries, option = message
        for _, record in msgpack.Unpacker(io.BytesIO(entries), raw=False):
            self._tally.add(tag, record)
        if self._mood != "forget":
            writer.write(msgpack.packb({"ack": option["chunk"]}))

    async def change(self, mood: str, seconds: float, server: asyncio.Server) -> None:
        """Have a mood for so long."""
        self._mood = mood
        if mood == "hang":
            self._awake.clear()
        if mood == "down":
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
        await asyncio.sleep(seconds)
        self._mood = ""
        self._awake.set()


async def _serve(folder: Path, count: int, most: int) -> None:
    tally = Tally(folder, count, most)
    sink = ForwardSink(tally)
    server = await asyncio.start_server(sink.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        mood, seconds = line.split()
        await sink.change(mood, float(seconds), server)
        if not server.is_serving():
            server = await asyncio.start_server(sink.talk, "127.0.0.1", port)
    print(
        json.dumps(
            {"missing": tally.missing(), "again": tally.again, "wrong": tally.wrong}, sort_keys=True
        ),
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

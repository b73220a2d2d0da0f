"""A connection to a node that lets so many bytes a second through, as a busier node would send.

    python benchmarks/paced_link.py PORT BYTES_PER_SECOND

Forwards to 127.0.0.1:PORT, prints the port it listens on, and runs until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

__all__ = ["paced"]

PIECE = 65_536


@asynccontextmanager
async def paced(url: str, *, bytes_per_second: float) -> AsyncIterator[str]:
    """The url of a node behind such a link, which has its own process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, str(urlsplit(url).port), str(bytes_per_second)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"ws://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


async def forward(port: int, bytes_per_second: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_node, to_node = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        async with asyncio.TaskGroup() as both:
            both.create_task(copy(reader, to_node, seconds_per_byte=0))
            both.create_task(copy(from_node, writer, seconds_per_byte=1 / bytes_per_second))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


async def copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, seconds_per_byte: float
) -> None:
    """Piece by piece, each after the time that it takes; idle time is not made up for."""
    loop = asyncio.get_running_loop()
    free = loop.time()
    try:
        while piece := await reader.read(PIECE):
            free = max(free, loop.time()) + len(piece) * seconds_per_byte
            await asyncio.sleep(free - loop.time())
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(forward(int(sys.argv[1]), float(sys.argv[2])))

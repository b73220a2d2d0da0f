"""From a ledger's close to its records in a file: the daemon's flows behind one node on loopback.

    python benchmarks/follow.py [--every S] [--ledgers N]

The close is when a plain subscriber hears of it; a record is in the file when the collector has
flushed it. The limit is the fetching and proving of that ledger alone.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import connect

from ekspiper.core import Collector
from ekspiper.sinks.jsonl import JsonLines
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import ReplayProcess
from ekspiper.xrpl.sources import LedgerRef, LedgerStream

FIRST, LAST = 421, 540


class Timed(Collector[Any]):
    """JSON lines that note when the last record of each ledger was in the file."""

    def __init__(self, path: Path) -> None:
        self._file = JsonLines(path)
        self.kept: dict[int, float] = {}

    async def open(self) -> None:
        await self._file.open()

    async def collect(self, batch: Sequence[Any]) -> None:
        await self._file.collect(batch)
        now = time.perf_counter()
        self.kept.update((record["ledger_index"], now) for record in batch)

    async def close(self) -> None:
        await self._file.close()


async def listen(url: str, closed: dict[int, float]) -> None:
    async with connect(url) as socket:
        await socket.send('{"command": "subscribe", "streams": ["ledger"]}')
        async for text in socket:
            message = orjson.loads(text)
            if message.get("type") == "ledgerClosed":
                closed[message["ledger_index"]] = time.perf_counter()


async def fetching(pool: NodePool, indexes: Sequence[int]) -> list[float]:
    took = []
    for index in indexes:
        began = time.perf_counter()
        await FetchLedger(pool).fetch(LedgerRef(index))
        took.append(time.perf_counter() - began)
    return took


def line(name: str, seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"{name}: median {statistics.median(ordered) * 1000:.1f} ms, "
        f"99 of 100 within {ordered[int(len(ordered) * 0.99)] * 1000:.1f} ms"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two ledgers")
    parser.add_argument("--ledgers", type=int, default=LAST - FIRST)
    wanted = parser.parse_args()
    last = FIRST + wanted.ledgers
    print(f"Python {platform.python_version()} on {platform.machine()}")
    closed: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with (
            ReplayProcess(close_every=wanted.every) as node,
            NodePool(node.url) as pool,
        ):
            listening = asyncio.create_task(listen(node.url, closed))
            files = {name: Timed(Path(folder) / name) for name in ("ledgers", "transactions")}
            stream = LedgerStream(pool, start=FIRST, until=last)
            await ledger_pipeline(
                stream,
                fetch_ledger=FetchLedger(pool),
                pool=pool,
                collectors={name: [file] for name, file in files.items()},
            ).run()
            limit = await fetching(pool, range(FIRST, last + 1))
            listening.cancel()
    known = [index for index in closed if FIRST < index <= last]
    print(line(f"limit: fetched and proven, {len(limit)} ledgers", limit))
    for name, file in files.items():
        print(line(f"close to {name}", [file.kept[i] - closed[i] for i in known if i in file.kept]))


if __name__ == "__main__":
    asyncio.run(main())

"""Peak memory of long work: a backfill of 100,000 ledgers and a state of 5,000,000 objects.

Both are made from the sample recording, in a loop: the ledgers with their transactions, the
objects under keys that never repeat. A third part fetches 20,000 ledgers from a node in a process
of its own, over a socket, and proves each. What counts is that the second half of the work needs
no more memory than the first.

Usage: python benchmarks/bounded_memory.py [--ledgers N] [--objects N] [--fetched N]
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import resource
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from ekspiper.core import Collector, Flow, PassThrough, Pipeline, Processor, Step
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import FetchLedger, LedgerObjectRecord
from ekspiper.xrpl.recorder import ledger_exchange
from ekspiper.xrpl.replay import ReplayProcess
from ekspiper.xrpl.snapshot import StateProof
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef, ObjectPage
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

PAGE = 2048


class Serialized(Collector[Any]):
    """Makes JSON of every record, as a file would, and notes the memory as it goes."""

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0

    async def collect(self, batch: Sequence[Any]) -> None:
        self.records += len(batch)
        self.bytes += sum(len(orjson.dumps(record)) for record in batch)


class Replayed(Processor[LedgerRef, Ledger]):
    """The recorded ledgers in a loop, parsed and proven anew each time, as fetching one does."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self._results = results

    async def process(self, item: LedgerRef) -> tuple[Ledger]:
        ledger = parse_ledger(self._results[item.ledger_index % len(self._results)])
        verify_ledger(ledger)
        return (ledger,)


class Fetched(Processor[LedgerRef, Ledger]):
    """Ledgers of a node, over and over again: everything that fetching and proving one needs."""

    def __init__(self, pool: NodePool) -> None:
        self._held = pool.ledgers
        self._fetch = FetchLedger(pool)

    async def process(self, item: LedgerRef) -> tuple[Ledger]:
        index = self._held.first + item.ledger_index % len(self._held)
        return await self._fetch.process(LedgerRef(index))


def resident() -> float:
    """Resident memory now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def watch(marks: list[float]) -> None:
    while True:
        marks.append(resident())
        await asyncio.sleep(0.5)


async def measured(name: str, pipeline: Pipeline) -> None:
    marks: list[float] = []
    watcher = asyncio.create_task(watch(marks))
    began = time.monotonic()
    await pipeline.run()
    watcher.cancel()
    half = len(marks) // 2
    # The first tenth is spent on filling caches.
    first, second = max(marks[len(marks) // 10 : half]), max(marks[half:])
    print(
        f"{name}: {time.monotonic() - began:,.0f} s, peak of the first half {first:,.0f} MB, "
        f"of the second {second:,.0f} MB: {second / first:.2f} times"
    )


async def sample_ledgers() -> list[dict[str, Any]]:
    async with open_network("sample") as network:
        fetch = FetchLedger(network.pool)
        assert network.first is not None
        assert network.last is not None
        found = [await fetch.fetch(LedgerRef(i)) for i in range(network.first, network.last + 1)]
    return [ledger_exchange(ledger)["response"]["result"] for ledger in found]


async def sample_objects() -> list[str]:
    async with open_network("sample") as network:
        source = LedgerObjects(network.pool, network.last, parallel=1)
        return [data for page in [p async for p in source] for _, data in page.objects]


def pages(objects: list[str], count: int) -> Iterator[ObjectPage]:
    stride = (1 << 256) // count
    for start in range(0, count, PAGE):
        numbers = range(start, min(count, start + PAGE))
        rows = tuple((f"{n * stride:064X}", objects[n % len(objects)]) for n in numbers)
        yield ObjectPage(1, "0" * 64, "", rows, numbers[-1] == count - 1)


async def as_source(items: Iterator[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledgers", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=5_000_000)
    parser.add_argument("--fetched", type=int, default=20_000)
    wanted = parser.parse_args()
    print(f"Python {platform.python_version()} on {platform.machine()}")
    if wanted.objects:
        await snapshot(wanted.objects)
    if wanted.ledgers:
        await replayed(wanted.ledgers)
    if wanted.fetched:
        await fetched(wanted.fetched)


async def snapshot(objects: int) -> None:
    proof = StateProof([""])
    records = Serialized()
    steps = (
        Step(LedgerObjectRecord(), collectors=(records,)),
        Step(PassThrough(), name="prove", collectors=(proof,)),
    )
    source = as_source(pages(await sample_objects(), objects))
    await measured(
        f"snapshot of {objects:,} objects",
        Pipeline(Flow("ledger-objects", source=source, steps=steps)),
    )
    assert proof.objects == records.records == objects
    print(f"  root {proof.root()[:16]}..., {records.bytes / 1e6:,.0f} MB of JSON")


async def replayed(ledgers: int) -> None:
    results = await sample_ledgers()
    sinks = {"transactions": [Serialized()], "ledgers": [Serialized()]}
    refs = (LedgerRef(index) for index in range(ledgers))
    await measured(
        f"backfill of {ledgers:,} ledgers",
        ledger_pipeline(
            as_source(refs),
            fetch_ledger=Replayed(results),
            pool=None,  # type: ignore[arg-type]  # no book is asked for
            collectors=sinks,
            books=False,
        ),
    )
    assert sinks["ledgers"][0].records == ledgers
    print(f"  {sinks['transactions'][0].records:,} transactions")


async def fetched(ledgers: int) -> None:
    sinks = {"transactions": [Serialized()], "ledgers": [Serialized()]}
    refs = (LedgerRef(index) for index in range(ledgers))
    async with ReplayProcess() as node, NodePool(node.url) as pool:
        await measured(
            f"verified fetching of {ledgers:,} ledgers over a socket",
            ledger_pipeline(
                as_source(refs),
                fetch_ledger=Fetched(pool),
                pool=pool,
                collectors=sinks,
                books=False,
            ),
        )
        answers = pool.nodes()[0].answers
    assert sinks["ledgers"][0].records == ledgers
    print(f"  {sinks['transactions'][0].records:,} transactions, {answers:,} answers")


if __name__ == "__main__":
    asyncio.run(main())

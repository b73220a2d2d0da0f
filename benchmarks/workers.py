"""What workers gain and cost: two of them against one process, and a task of Dask against its work.

    python benchmarks/workers.py [FOLDER] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. Its ledgers are repeated as
one chain. Two nodes serve it, each in its own process, on the machine that the workers are on.
So time is processor time, and that of the nodes is left out: what they take would be taken
elsewhere. Everything of Dask counts: its workers, its scheduler, and the process that publishes.
On two cores, two workers are as much faster as one process takes more than half of that. What Dask
adds to a chunk is measured by parts: a task with the same arguments that does nothing, and what
Dask does while it waits, for as long as the chunk takes a core. The chunk itself as a task beside
the chunk without Dask is printed, too; on a machine with other work it varies by more than that.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from long_chain import write_long_chain
from reading_peers import host

from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.cli import collect_garbage_rarely
from ekspiper.xrpl.cluster import ChunkFetch, ClusterBackfill, Workers, local_workers, open_store
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import ReplayProcess

CHUNK = 1_000
WORKERS = 2
IDLE = 5.0
EMPTY = 50
FASTER, MOST_OVERHEAD = 1.7, 0.05


@dataclass
class Meter:
    """Seconds of processor time that some processes took, and seconds that passed."""

    processes: list[psutil.Process] = field(default_factory=list)
    processor: float = 0.0
    wall: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what runs in the context."""
        before, began = self._now(), time.perf_counter()
        yield
        self.processor, self.wall = self._now() - before, time.perf_counter() - began

    def _now(self) -> float:
        times = [process.cpu_times() for process in self.processes]
        return sum(each.user + each.system for each in times)


def of_this_process(begin: Callable[[], object]) -> list[psutil.Process]:
    """The processes that `begin` starts."""
    before = set(psutil.Process().children(recursive=True))
    begin()
    return [each for each in psutil.Process().children(recursive=True) if each not in before]


def one_process(network: str, first: int, last: int) -> None:
    """The whole range as the command does it without workers."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
            async with open_network(network) as opened:
                folder = OutputFolder(Path(out), command="backfill", format="parquet")
                job = Backfill(opened.pool, [f"{first}:{last}"], folder)
                await job.plan()
                started = job.start()
                await started.finish()
                report = job.conclude(started)
            assert report.fetched == last - first + 1, report

    prepare()
    asyncio.run(run())


async def by_workers(network: str, first: int, last: int, workers: Workers) -> None:
    """The same, in chunks, published."""
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        store = open_store(out)
        with store.locked():
            async with open_network(network) as opened:
                job = ClusterBackfill(network, opened.pool, [f"{first}:{last}"], store, chunk=CHUNK)
                await job.plan()
                await job.run(workers)
                report = await job.conclude()
        assert report.fetched == last - first + 1, report


def one_chunk(source: dict[str, Any], first: int) -> None:
    """A chunk without Dask: what a task does, and no more."""
    prepare()
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        fetch = ChunkFetch(store=open_store(out), **source)
        assert fetch(Chunk(first, first + CHUNK - 1)).failure is None


def chunk_as_task(workers: Workers, source: dict[str, Any], first: int) -> None:
    """The same chunk as a task of Dask."""
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        fetch = ChunkFetch(store=open_store(out), **source)
        done = workers.executor.submit(fetch, Chunk(first, first + CHUNK - 1)).result()
        assert done.failure is None


class Nothing:
    """A task with the arguments of a chunk, which does nothing."""

    def __init__(self, fetch: ChunkFetch) -> None:
        self.fetch = fetch

    def __call__(self, chunk: Chunk) -> None:
        """Return at once."""


def prepare() -> None:
    """As the command does, once in each process."""
    if logging.root.manager.disable < logging.CRITICAL:
        logging.disable(logging.CRITICAL)
        collect_garbage_rarely()


async def measure(folder: Path, indexes: list[int], transactions: int, rounds: int) -> bool:
    prepare()
    # From a multiple of the size of a chunk on, so that there are whole chunks only.
    first = -(-indexes[0] // CHUNK) * CHUNK
    last = first + WORKERS * CHUNK - 1
    share = transactions * (last - first + 1) / len(indexes)
    print(f"{last - first + 1} ledgers, about {share:,.0f} transactions; {host()}")
    async with ReplayProcess(folder) as one, ReplayProcess(folder) as other:
        network = f"{one.url},{other.url}"
        async with open_network(network) as opened:
            source = {
                "network": network,
                "network_id": opened.network_id,
                "definitions": opened.definitions,
            }
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            plain = of_this_process(lambda: alone.submit(prepare).result())
            with local_workers(WORKERS) as workers:
                ours = {*plain, *psutil.Process().children(recursive=True)}
                engine = [psutil.Process(), *(p for p in ours if is_worker(p) and p not in plain)]
                faster = await gain(
                    network, (first, last), share, alone, plain, workers, engine, rounds
                )
                overhead = await cost(source, first, alone, plain, workers, rounds)
    return faster >= FASTER and overhead < MOST_OVERHEAD


def is_worker(process: psutil.Process) -> bool:
    """Whether it was spawned by multiprocessing, as workers of Dask are, and nodes are not."""
    return any("spawn_main" in part for part in process.cmdline())


async def gain(
    network: str,
    ledgers: tuple[int, int],
    transactions: float,
    alone: Executor,
    plain: list[psutil.Process],
    workers: Workers,
    engine: list[psutil.Process],
    rounds: int,
) -> float:
    """How many times as fast two workers are; prints it."""
    singles, shared, ratios = [], [], []
    for _ in range(rounds + 1):
        single, both = Meter(plain), Meter(engine)
        with single.running():
            await asyncio.to_thread(lambda: alone.submit(one_process, network, *ledgers).result())
        with both.running():
            await by_workers(network, *ledgers, workers)
        singles.append(single)
        shared.append(both)
        ratios.append(WORKERS * single.processor / both.processor)
    ratio = median(ratios[1:])  # the first round imports
    each = median(transactions / meter.processor for meter in singles[1:])
    every = median(transactions / meter.processor for meter in shared[1:])
    print(f"one process:     {each:10,.0f} transactions a second of one core")
    print(f"{WORKERS} workers:       {every:10,.0f} by each, the engine's own share in it")
    walls = median(a.wall / b.wall for a, b in zip(singles[1:], shared[1:], strict=True))
    print(
        f"  {WORKERS} workers on {WORKERS} cores are {ratio:.2f} x one process "
        f"(target {FASTER}{', MISSED' if ratio < FASTER else ''}); by the clock, "
        f"nodes and all on this machine, {walls:.2f} x"
    )
    return ratio


async def cost(
    source: dict[str, Any],
    first: int,
    alone: Executor,
    plain: list[psutil.Process],
    workers: Workers,
    rounds: int,
) -> float:
    """What Dask adds to a chunk, as a share of it; prints it."""
    engine = [psutil.Process(), *(p for p in psutil.Process().children(True) if is_worker(p))]
    engine = [process for process in engine if process not in plain]
    idle = Meter(engine)
    with idle.running():
        await asyncio.sleep(IDLE)
    nothing = Nothing(ChunkFetch(store=open_store(tempfile.mkdtemp()), **source))
    empty = Meter(engine)
    with empty.running():
        for number in range(EMPTY):
            chunk = Chunk(number, number)
            await asyncio.to_thread(lambda c=chunk: workers.executor.submit(nothing, c).result())
    works, tasks = [], []
    for _ in range(2 * rounds):
        work, task = Meter(plain), Meter(engine)
        with work.running():
            await asyncio.to_thread(lambda: alone.submit(one_chunk, source, first).result())
        with task.running():
            await asyncio.to_thread(chunk_as_task, workers, source, first)
        works.append(work.processor)
        tasks.append(task.processor)
    # The least of each: what else the machine does makes both dearer, and never cheaper.
    chunk_takes = min(works)
    overhead = empty.processor / EMPTY / chunk_takes + idle.processor / idle.wall
    print(
        f"a chunk of {CHUNK} ledgers takes {chunk_takes:.2f} s; as a task of Dask "
        f"{overhead:.1%} more (target {MOST_OVERHEAD:.0%}"
        f"{', MISSED' if overhead >= MOST_OVERHEAD else ''}): {empty.processor / EMPTY * 1000:.0f} ms "
        f"for a task, {idle.processor / idle.wall:.1%} of a core all the time; side by side "
        f"{min(tasks) / chunk_takes - 1:+.1%}"
    )
    return overhead


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as made:
        chain = write_long_chain(arguments.folder, Path(made), count=(WORKERS + 1) * CHUNK)
        well = asyncio.run(measure(Path(made), *chain, rounds=arguments.rounds))
    sys.exit(not well)

"""How fast a backfill is, against the limit and against a loop on xrpl-py, in one run.

    python benchmarks/backfill.py [FOLDER] [--ledgers N] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. Its ledgers are repeated as
one chain of N. One node, on loopback, in a process of its own; then the same node behind a link
that lets through what a rippled serves; then with latency added. The limit is a bare loop that
fetches the same binary ledgers over one socket with the same window, proves and decodes them, and
keeps nothing; beside it, a loop that only fetches.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from long_chain import LEDGERS, write_long_chain
from paced_link import paced
from reading_peers import Job, bare_loop, best_of, fetch_only, host, xrpl_py_loop

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.cli.garbage import look_for_garbage_rarely
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay.child import ReplayProcess

WINDOW = 32
LATENCY = 0.05
NODE_RATE = 6_000
FETCH, BARE, BACKFILL = "fetch only", "bare loop", "backfill"
TARGET = 0.7
TARGET_OF_FETCH = 0.8
PEER_TARGET = 10
PEER_LEDGERS = 40


async def backfill(url: str, indexes: Sequence[int], out: Path) -> None:
    """Verified, to JSON lines."""
    async with NodePool(url) as pool:
        job = Backfill(
            pool,
            [f"{indexes[0]}:{indexes[-1]}"],
            OutputFolder(out, command="backfill"),
            concurrency=WINDOW,
        )
        await job.plan()
        run = job.start()
        await run.finish()
        report = job.conclude(run)
        assert report.fetched == len(indexes), report


async def measure(folder: Path, indexes: list[int], transactions: int, rounds: int) -> int:
    look_for_garbage_rarely()  # as the command does; the loops gain from it, too
    print(f"{len(indexes)} ledgers, {transactions} transactions; window {WINDOW}; {host()}")
    missed = 0
    async with ReplayProcess(folder) as node:
        print("node on loopback:")
        rates = await rates_of(node.url, indexes, transactions, rounds)
        missed += compare(rates, BARE, TARGET)
        missed += await against_xrpl_py(folder, indexes, transactions, rates[BACKFILL])
        print(f"node that serves {NODE_RATE:,} transactions/s, as a rippled does:")
        frames = (folder / LEDGERS).stat().st_size
        async with paced(node.url, bytes_per_second=NODE_RATE * frames / transactions) as url:
            rates = await rates_of(url, indexes, transactions, min(rounds, 2))
        missed += compare(rates, FETCH, TARGET_OF_FETCH)
    async with ReplayProcess(folder, latency=LATENCY) as node:
        print(f"node with {LATENCY * 1000:.0f} ms of latency:")
        rates = await rates_of(node.url, indexes, transactions, rounds)
        missed += compare(rates, BARE, TARGET)
    return 1 if missed else 0


async def rates_of(
    url: str, indexes: list[int], transactions: int, rounds: int
) -> dict[str, float]:
    """Transactions a second, the best of the rounds."""
    await fetch_only(url, indexes, window=WINDOW)  # the node has read its recording now
    jobs: dict[str, Job] = {
        FETCH: lambda _: fetch_only(url, indexes, window=WINDOW),
        BARE: lambda _: bare_loop(url, indexes, window=WINDOW),
        BACKFILL: partial(backfill, url, indexes),
    }
    seconds = await best_of(rounds, jobs)
    rates = {name: transactions / each for name, each in seconds.items()}
    for name, rate in rates.items():
        print(f"  {name:<12}{rate:10,.0f} transactions/s")
    return rates


def compare(rates: dict[str, float], limit: str, target: float) -> bool:
    """Print how near the backfill comes to each limit; whether it misses the target."""
    shares = {name: rates[BACKFILL] / rates[name] for name in (FETCH, BARE)}
    missed = shares[limit] < target
    print(
        f"  backfill is {shares[BARE]:.2f} of the bare loop, {shares[FETCH]:.2f} of fetch only "
        f"(target {target} of {limit}{', MISSED' if missed else ''})"
    )
    return missed


async def against_xrpl_py(
    folder: Path, indexes: Sequence[int], transactions: int, ours: float
) -> int:
    some = indexes[-PEER_LEDGERS:]
    share = transactions * len(some) / len(indexes)
    async with ReplayProcess(folder) as node:
        url = node.url
        await xrpl_py_loop(url, some[:10])
        seconds = await best_of(2, {"peer": lambda _: xrpl_py_loop(url, some)})
    theirs = share / seconds["peer"]
    ratio = ours / theirs
    print(
        f"  xrpl-py, concurrency 10, unverified JSON: {theirs:,.0f} transactions/s; backfill is "
        f"{ratio:.1f} x that (target {PEER_TARGET}{', MISSED' if ratio < PEER_TARGET else ''})"
    )
    return int(ratio < PEER_TARGET)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ledgers", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        made = write_long_chain(arguments.folder, Path(out), count=arguments.ledgers)
        missed = asyncio.run(measure(Path(out), *made, rounds=arguments.rounds))
    sys.exit(missed)

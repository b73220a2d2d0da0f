"""How fast a backfill is, against the limit and against a loop on xrpl-py, in one run.

    python benchmarks/backfill.py [FOLDER] [--ledgers N] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. Its ledgers are repeated as
one chain of N. One node, on loopback, in a process of its own. The limit is a bare loop that
fetches the same binary ledgers over one socket with the same window, proves and decodes them, and
keeps nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from long_chain import write_long_chain
from reading_peers import bare_loop, best_of, fetch_only, host, xrpl_py_loop

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.cli.garbage import look_for_garbage_rarely
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay.child import ReplayProcess

WINDOW = 32
LATENCY = 0.05
TARGET = 0.7
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
    for latency in (0.0, LATENCY):
        async with ReplayProcess(folder, latency=latency) as node:
            url = node.url
            await fetch_only(url, indexes, window=WINDOW)  # the node has read its recording now
            seconds = await best_of(
                rounds,
                {
                    "fetch only": lambda _, url=url: fetch_only(url, indexes, window=WINDOW),
                    "bare loop": lambda _, url=url: bare_loop(url, indexes, window=WINDOW),
                    "backfill": partial(backfill, url, indexes),
                },
            )
        rates = {name: transactions / each for name, each in seconds.items()}
        ratio = rates["backfill"] / rates["bare loop"]
        missed += ratio < TARGET
        print(f"latency {latency * 1000:.0f} ms:")
        for name, rate in rates.items():
            print(f"  {name:<12}{rate:10,.0f} transactions/s")
        print(
            f"  backfill is {ratio:.2f} of the bare loop (target {TARGET}"
            f"{', MISSED' if ratio < TARGET else ''}), "
            f"{rates['backfill'] / rates['fetch only']:.2f} of fetch only"
        )
        if not latency:
            missed += await against_xrpl_py(folder, indexes, transactions, rates["backfill"])
    return 1 if missed else 0


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

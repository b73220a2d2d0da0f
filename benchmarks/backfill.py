"""How fast a backfill is, against the limit and against a loop on xrpl-py, in one run.

    python benchmarks/backfill.py [FOLDER] [--ledgers N] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. Its ledgers are repeated as
one chain of N. One node, on loopback, in its own process; then the same node behind a link
that lets through what a rippled serves; then with latency added. The limit is a bare loop that
fetches the same binary ledgers over one socket with the same window, proves and decodes them, and
keeps nothing; beside it, a loop that only fetches.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import process_time

from long_chain import LEDGERS, write_long_chain
from paced_link import paced
from reading_peers import Job, bare_loop, best_of, fetch_json_only, fetch_only, host, xrpl_py_loop

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.cli import collect_garbage_rarely
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.event_loop import run_in_event_loop
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import ReplayProcess

WINDOW = 32
LATENCY = 0.05
NODE_RATE = 6_000
FETCH, BARE, BACKFILL = "fetch only", "bare loop", "backfill"
TARGET = 0.7
TARGET_OF_FETCH = 0.8
PARQUET_TARGET = 0.7
PEER_TARGET = 4
JSON_TARGET = 1
PEER_LEDGERS = 250
PEER = "xrpl-py, 16 in flight"


async def backfill(url: str, indexes: Sequence[int], out: Path, *, format: str = "jsonl") -> None:
    """Verified, to files of this format."""
    async with NodePool(url) as pool:
        job = Backfill(
            pool,
            [f"{indexes[0]}:{indexes[-1]}"],
            OutputFolder(out, command="backfill", format=format),
            concurrency=WINDOW,
        )
        await job.plan()
        run = job.start()
        await run.finish()
        report = job.conclude(run)
        assert report.fetched == len(indexes), report


async def measure(folder: Path, indexes: list[int], transactions: int, rounds: int) -> int:
    collect_garbage_rarely()  # as the command does; the loops gain from it, too
    print(f"{len(indexes)} ledgers, {transactions} transactions; window {WINDOW}; {host()}")
    missed = 0
    async with ReplayProcess(folder) as node:
        print("node on loopback:")
        rates = await rates_of(node.url, indexes, transactions, rounds)
        missed += compare(rates, BARE, TARGET)
        missed += await parquet_beside_lines(node.url, indexes, transactions, rounds)
        missed += await against_xrpl_py(node.url, indexes, transactions, rounds)
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


async def parquet_beside_lines(
    url: str, indexes: Sequence[int], transactions: int, rounds: int
) -> bool:
    """Print how near a backfill to Parquet comes to one to JSON lines; whether it misses the target."""
    jobs: dict[str, Job] = {
        name: partial(backfill, url, indexes, format=name) for name in ("jsonl", "parquet")
    }
    seconds = await best_of(rounds, jobs)
    share = seconds["jsonl"] / seconds["parquet"]
    missed = share < PARQUET_TARGET
    print(
        f"  {transactions / seconds['parquet']:,.0f} transactions/s to Parquet: {share:.2f} of JSON lines "
        f"(target {PARQUET_TARGET}{', MISSED' if missed else ''})"
    )
    return missed


async def against_xrpl_py(url: str, indexes: Sequence[int], transactions: int, rounds: int) -> int:
    """Beside the best loop on xrpl-py and JSON that is fetched and thrown away, in one run.

    The peers read a few ledgers again and again, so that the node keeps their JSON and they never wait
    for it; the backfill reads as many, each once. So many that starting and ending count for nothing.
    """
    again = max(1, len(indexes) // PEER_LEDGERS)
    some = list(indexes[-PEER_LEDGERS:])
    share = transactions * len(some) / len(indexes)
    jobs: dict[str, Job] = {
        "xrpl-py, one in flight": lambda out: xrpl_py_loop(url, some * again, out, in_flight=1),
        PEER: lambda out: xrpl_py_loop(url, some * again, out, in_flight=16),
        "fetch JSON only": lambda _: fetch_json_only(url, some * again, window=16),
        BACKFILL: partial(backfill, url, indexes),
    }
    spent: dict[str, float] = {}
    await fetch_json_only(url, some, window=16)
    seconds = await best_of(
        rounds, {name: partial(_noting, spent, name, job) for name, job in jobs.items()}
    )
    read = {name: transactions if name == BACKFILL else share * again for name in jobs}
    rates = {name: read[name] / each for name, each in seconds.items()}
    print(f"{len(indexes)} ledgers, or {len(some)} of them {again} times as unverified JSON:")
    for name, rate in rates.items():
        each = spent[name] / read[name] * 1e6
        print(f"  {name:<24}{rate:10,.0f} transactions/s, {each:6.1f} us of processor time each")
    ratio = rates[BACKFILL] / rates[PEER]
    of_json = rates[BACKFILL] / rates["fetch JSON only"]
    missed = (ratio < PEER_TARGET) + (of_json < JSON_TARGET)
    print(
        f"  backfill is {ratio:.2f} x {PEER} (target {PEER_TARGET}"
        f"{', MISSED' if ratio < PEER_TARGET else ''}), {of_json:.2f} x fetch JSON only "
        f"(target {JSON_TARGET}{', MISSED' if of_json < JSON_TARGET else ''})"
    )
    return int(missed)


async def _noting(spent: dict[str, float], name: str, job: Job, out: Path) -> None:
    """Do a job, and note the processor time of this process, which other work does not add to."""
    began = process_time()
    await job(out)
    spent[name] = min(spent.get(name, float("inf")), process_time() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ledgers", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        made = write_long_chain(arguments.folder, Path(out), count=arguments.ledgers)
        missed = run_in_event_loop(measure(Path(out), *made, rounds=arguments.rounds))
    sys.exit(missed)

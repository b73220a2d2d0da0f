"""How fast the daemon's flows are from the node to files, against the limit, in one run.

    python benchmarks/end_to_end.py [FOLDER] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. One node, on loopback, in a
process of its own. Fetch, verify, decode, ETL, JSON lines; the limit is a bare loop that fetches
the same binary ledgers over one socket, proves and decodes them, and keeps nothing. With order
books the daemon sends a request more for each side of each book, and for each pool. The limit of that
is the same loop with the same requests for books, whose answers are parsed and not kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from reading_peers import (
    Job,
    bare_loop,
    bare_loop_with_books,
    best_of,
    fetch_only,
    host,
    noting,
    recorded_books,
    recorded_ledgers,
)

from ekspiper.core import FileCheckpoint, registry
from ekspiper.xrpl.cli import collect_garbage_rarely
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.event_loop import run_in_event_loop
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import ReplayProcess
from ekspiper.xrpl.sources import LedgerStream

WINDOW = 32
TARGET = 0.5
BOOKS_TARGET = 0.7
RECORDS = ("transactions", "ledgers", "book_offers", "amms")


async def flows(url: str, indexes: Sequence[int], out: Path, *, books: bool) -> None:
    """The daemon's flows, from the first to the last ledger, with files and a checkpoint."""
    lines = registry.load("collectors", "jsonl")
    async with NodePool(url) as pool:
        pipeline = ledger_pipeline(
            LedgerStream(pool, start=indexes[0], until=indexes[-1]),
            fetch_ledger=FetchLedger(pool),
            pool=pool,
            collectors={name: [lines(out / f"{name}.jsonl")] for name in RECORDS},
            fetch_concurrency=WINDOW,
            books=books,
        )
        report = await pipeline.run(checkpoint=FileCheckpoint(out / "checkpoint.json"))
        assert report.kept == len(indexes), report


async def measure(folder: Path | None, rounds: int) -> int:
    folder, indexes, transactions = recorded_ledgers(folder)
    collect_garbage_rarely()  # as the command does; the loops gain from it, too
    print(f"{len(indexes)} ledgers, {transactions} transactions; window {WINDOW}; {host()}")
    async with ReplayProcess(folder) as node:
        url = node.url
        await fetch_only(url, indexes, window=WINDOW)  # the node has read its recording now
        asked = await recorded_books(url, indexes)
        jobs: dict[str, Job] = {
            "fetch only": lambda _: fetch_only(url, indexes, window=WINDOW),
            "bare loop": lambda _: bare_loop(url, indexes, window=WINDOW),
            "and its books": lambda _: bare_loop_with_books(url, indexes, asked, window=WINDOW),
            "end to end": partial(flows, url, indexes, books=False),
            "and books": partial(flows, url, indexes, books=True),
        }
        spent: dict[str, float] = {}
        seconds = await best_of(
            rounds, {name: noting(spent, name, job) for name, job in jobs.items()}
        )
    rates = {name: transactions / each for name, each in seconds.items()}
    for name, rate in rates.items():
        each = spent[name] / transactions * 1e6
        print(f"  {name:<14}{rate:10,.0f} transactions/s, {each:6.1f} us of processor time each")
    ratio = rates["end to end"] / rates["bare loop"]
    print(
        f"end to end is {ratio:.2f} of the bare loop (target {TARGET}"
        f"{', MISSED' if ratio < TARGET else ''})"
    )
    with_books = rates["and books"] / rates["end to end"]
    print(
        f"with {len(asked):,} sides of order books it is {with_books:.2f} of without (target "
        f"{BOOKS_TARGET}{', MISSED' if with_books < BOOKS_TARGET else ''}), and "
        f"{rates['and books'] / rates['and its books']:.2f} of the bare loop with its books; "
        f"of the processor time {spent['end to end'] / spent['and books']:.2f}"
    )
    return int(ratio < TARGET or with_books < BOOKS_TARGET)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sys.exit(run_in_event_loop(measure(arguments.folder, arguments.rounds)))

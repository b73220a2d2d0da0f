"""What reading ledgers is measured against: the limits, and what people write today."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import orjson
from websockets.asyncio.client import connect
from xrpl.asyncio.clients import AsyncWebsocketClient
from xrpl.models import Ledger as LedgerRequest

from ekspiper.xrpl.codec import Decoder
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import BookOfferBuilder, book_command
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

__all__ = [
    "Job",
    "bare_loop",
    "bare_loop_with_books",
    "best_of",
    "fetch_json_only",
    "fetch_only",
    "host",
    "noting",
    "recorded_books",
    "recorded_ledgers",
    "xrpl_py_loop",
]

Job = Callable[[Path], Awaitable[None]]
"""Does the work, with files in its own empty folder."""

Text = str | bytes


def recorded_ledgers(folder: Path | None) -> tuple[Path, list[int], int]:
    """The recording, its ledgers, and how many transactions they hold."""
    folder = folder or Path(SAMPLE)
    indexes, transactions = [], 0
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as lines:
        for line in lines:
            result = orjson.loads(line)["response"]["result"]
            indexes.append(result["ledger_index"])
            transactions += len(result["ledger"]["transactions"])
    return folder, indexes, transactions


async def best_of(rounds: int, jobs: dict[str, Job]) -> dict[str, float]:
    """The seconds each job takes, the best of several rounds in which they take turns.

    Removing its files is not part of a job.
    """
    seconds = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            with tempfile.TemporaryDirectory(prefix="ekspiper-") as folder:
                began = perf_counter()
                await job(Path(folder))
                seconds[name] = min(seconds[name], perf_counter() - began)
    return seconds


def noting(spent: dict[str, float], name: str, job: Job) -> Job:
    """The job, which also notes its least processor time: other work on the machine does not add to it."""

    async def noted(folder: Path) -> None:
        began = process_time()
        await job(folder)
        spent[name] = min(spent.get(name, float("inf")), process_time() - began)

    return noted


async def fetch_only(url: str, indexes: Sequence[int], *, window: int) -> None:
    """Receive the frames and do nothing with them."""
    await _fetch(url, indexes, window, lambda text: None)


async def bare_loop(url: str, indexes: Sequence[int], *, window: int) -> None:
    """Fetch over one socket, prove and decode every ledger, and keep nothing: the limit."""
    await _fetch(url, indexes, window, partial(_prove_and_decode, Decoder(shape="record")))


async def recorded_books(url: str, indexes: Sequence[int]) -> list[str]:
    """The requests for both sides of every book that the ledgers touched."""
    builder, requests = BookOfferBuilder(), []

    ledgers: list[Ledger] = []
    await _fetch(
        url, indexes, 32, lambda text: ledgers.append(parse_ledger(orjson.loads(text)["result"]))
    )
    for ledger in ledgers:
        requests += await builder.process(ledger)
    return [json.dumps({"id": nth, **book_command(each)}) for nth, each in enumerate(requests)]


async def bare_loop_with_books(
    url: str, indexes: Sequence[int], books: Sequence[str], *, window: int
) -> None:
    """The same, and the order books: asked for, parsed, and not kept."""
    await bare_loop(url, indexes, window=window)
    await _ask(url, books, window, orjson.loads)


async def fetch_json_only(url: str, indexes: Sequence[int], *, window: int) -> None:
    """Receive every ledger as JSON, parse it and keep nothing: what unverified reading costs."""
    await _fetch(url, indexes, window, orjson.loads, binary=False)


async def xrpl_py_loop(url: str, indexes: Sequence[int], out: Path, *, in_flight: int) -> None:
    """The best loop that one writes with xrpl-py: one WebSocket, JSON lines by orjson, no proof.

    Args:
        in_flight: how many requests are under way at once.
    """
    allowed = asyncio.Semaphore(in_flight)
    with (out / "transactions.jsonl").open("wb") as lines:
        async with AsyncWebsocketClient(url) as client:

            async def fetch(index: int) -> None:
                async with allowed:
                    request = LedgerRequest(ledger_index=index, transactions=True, expand=True)
                    answer = await client.request(request)
                for row in answer.result["ledger"]["transactions"]:
                    lines.write(orjson.dumps(row) + b"\n")

            await asyncio.gather(*(fetch(index) for index in indexes))


async def _fetch(
    url: str,
    indexes: Sequence[int],
    window: int,
    take: Callable[[Text], object],
    *,
    binary: bool = True,
) -> None:
    await _ask(url, [_request(index, binary) for index in indexes], window, take)


async def _ask(
    url: str, requests: Sequence[str], window: int, take: Callable[[Text], object]
) -> None:
    """Requests over one socket, so many in flight."""
    async with connect(url, max_size=None, compression=None, ping_interval=None) as socket:
        for request in requests[:window]:
            await socket.send(request)
        for waiting in [*requests[window:], *[None] * min(window, len(requests))]:
            text = await socket.recv()
            if waiting is not None:
                await socket.send(waiting)
            take(text)


def _request(index: int, binary: bool) -> str:
    return json.dumps(
        {
            "id": index,
            "command": "ledger",
            "ledger_index": index,
            "transactions": True,
            "expand": True,
            "binary": binary,
            "api_version": 2,
        }
    )


def _prove_and_decode(decoder: Decoder, text: Text) -> None:
    ledger = parse_ledger(orjson.loads(text)["result"], decoder=decoder)
    verify_ledger(ledger)
    for transaction in ledger.transactions:
        assert transaction.fields
        assert transaction.meta


def host() -> str:
    """What it ran on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("websockets", "orjson", "xrpl-py"))
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}, "
        f"{os.cpu_count()} cores; {packages}"
    )

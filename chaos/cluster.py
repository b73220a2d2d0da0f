"""A backfill on a Dask cluster, of which two workers and the scheduler are killed: `python -m chaos.cluster`.

Four workers fetch some thousand ledgers, the sample's repeated as one chain. While they do, two of
them and the scheduler get a SIGKILL; what is killed is started again, as systemd or Kubernetes
would. Into a folder, into S3 and into Iceberg: each transaction must be there once, the chain whole,
and every record proven by `verify --deep`. Exits non-zero when something is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.long_chain import write_long_chain
from ekspiper.xrpl.cluster import stored_at
from ekspiper.xrpl.replay import ReplayProcess

KINDS = ("parquet", "s3", "iceberg")
WORKERS = 4
CHUNKS = 12
_LATENCY = 0.1
"""Seconds that a node takes to answer, so that there is a middle in which something can be killed."""

_MOST_RUNS = 3
_LONGEST = 600.0
_AT = re.compile(rb"Scheduler at:\s+(tcp://[\d.]+:\d+)")
_DASK = [sys.executable, "-m", "dask"]


@dataclass
class Kept:
    """A process that is started again whenever it ends, until it is closed.

    Attributes:
        command: starts it.
        log: takes what it says.
    """

    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Kept:
        self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.process.kill()
        self._thread.join()
        self.process.kill()
        self.process.wait()

    def kill(self) -> None:
        """Kill it; the next one is on its way."""
        self.process.kill()

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def _keep(self) -> None:
        while not self._closing.is_set():
            self.process.wait()
            if not self._closing.wait(0.2):
                self._start()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, Kept, list[Kept]]]:
    """The address of a scheduler, its process, and those of its workers."""
    log = folder / "scheduler.log"
    with ExitStack() as stack:
        first = subprocess.Popen(
            [*_DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
            stdout=subprocess.DEVNULL,
            stderr=log.open("wb"),
        )
        while (found := _AT.search(log.read_bytes())) is None:
            assert first.poll() is None, log.read_text()
            time.sleep(0.05)
        # From now on it has this port: workers and clients come back to it.
        address = found[1].decode()
        first.kill()
        first.wait()
        host, port = address.removeprefix("tcp://").split(":")
        scheduler = stack.enter_context(
            Kept([*_DASK, "scheduler", "--host", host, "--port", port, "--no-dashboard"], log)
        )
        worker = [*_DASK, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        workers = [
            stack.enter_context(
                Kept([*worker, "--local-directory", str(folder)], folder / f"worker-{number}.log")
            )
            for number in range(WORKERS)
        ]
        yield address, scheduler, workers


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a place on an S3 server, to which the environment leads."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="lake")
    try:
        yield "s3://lake/history"
    finally:
        server.stop()


async def backfill(kind: str, folder: Path, chain: Path, count: int, transactions: int) -> bool:
    """One backfill, killed and proven; whether all is well."""
    began = time.monotonic()
    with ExitStack() as stack:
        place = str(folder / "out") if kind != "s3" else stack.enter_context(s3_server())
        address, scheduler, workers = stack.enter_context(cluster(folder))
        async with (
            ReplayProcess(chain, latency=_LATENCY) as one,
            ReplayProcess(chain, latency=_LATENCY) as other,
        ):
            command = [
                *(sys.executable, "-m", "ekspiper.xrpl", "backfill", f"-{count}:"),
                *("--network", f"{one.url},{other.url}", "--scheduler", address, "--out", place),
                *(("--format", "iceberg") if kind == "iceberg" else ()),
            ]
            killed, runs, code = 0, 0, 1
            while code and runs < _MOST_RUNS:
                runs += 1
                with (folder / f"run-{runs}.log").open("wb") as log:
                    run = await asyncio.to_thread(subprocess.Popen, command, stderr=log)
                    kills = [workers[0].kill, scheduler.kill, workers[1].kill][killed:]
                    killed += await asyncio.to_thread(
                        kill_on_the_way, run, kills, lambda: chunks_at(kind, place), killed
                    )
                    code = await asyncio.to_thread(run.wait, _LONGEST)
        audited = await asyncio.to_thread(
            lambda: subprocess.run(
                [sys.executable, "-m", "ekspiper.xrpl", "verify", place, "--deep", "--json"],
                stdout=subprocess.PIPE,
                check=False,
            )
        )
    found = json.loads(audited.stdout or b"{}")
    well = (
        code == 0
        and killed == 3
        and audited.returncode == 0
        and found["faults"] == []
        and found["gaps"] is None
        and (found["proven"], found["transactions"]) == (count, transactions)
    )
    print(
        f"{kind}: 2 of {WORKERS} workers and the scheduler killed, {runs} run(s), "
        f"{found.get('proven', 0):,} of {count:,} ledgers and {found.get('transactions', 0):,} of "
        f"{transactions:,} transactions proven in {time.monotonic() - began:.0f} s"
        f"{'' if well else ': FAILED ' + str(found.get('faults', ''))[:500]}",
        flush=True,
    )
    return well


def chunks_at(kind: str, place: str) -> int:
    """How many chunks readers see."""
    if kind == "iceberg":
        # A commit for each, of the last table; no reader of ours is to disturb the writer.
        return len([*Path(place, "xrpl", "ledgers", "metadata").glob("snap-*.avro")])
    return len(stored_at(place if "://" in place else Path(place)).chunks())


def kill_on_the_way(
    run: subprocess.Popen[bytes],
    kills: list[Callable[[], None]],
    chunks: Callable[[], int],
    begun: int,
) -> int:
    """Kill one after the other while chunks arrive; how many were killed before the run ended."""
    done = 0
    for number, kill in enumerate(kills, begun):
        # A quarter, half and three quarters through, or a little later.
        wanted = (number + 1) * CHUNKS // 4 - 1
        while chunks() < wanted:
            if run.poll() is not None:
                return done
            time.sleep(0.1)
        time.sleep(random.uniform(0.0, 0.5))
        if run.poll() is not None:
            return done
        kill()
        done += 1
    return done


def main() -> int:
    """Run all kinds and print a line for each."""
    parser = argparse.ArgumentParser(prog="chaos.cluster", description=__doc__)
    parser.add_argument("--ledgers", type=int, default=3000)
    parser.add_argument("--into", nargs="+", default=KINDS, choices=KINDS, metavar="KIND")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ekspiper-cluster-"))
    chain = folder / "chain"
    chain.mkdir()
    _, transactions = write_long_chain(None, chain, count=options.ledgers)
    well = True
    for kind in options.into:
        (folder / kind).mkdir()
        made = backfill(kind, folder / kind, chain, options.ledgers, transactions)
        well = asyncio.run(made) and well
    if well:
        shutil.rmtree(folder)
    else:
        print(f"what is left is in {folder}")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())

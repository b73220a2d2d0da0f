"""The Fluent sink against fluent-logger's asynchronous sender: speed, and records lost.

Both send the same records to the same forward server, @fluent-org/logger under Node; the clock
stops when the last one is stored. It stores in two ways: chunks as they come, as Fluent Bit does,
so that the senders are compared; and record by record, decoding each in JavaScript. Of large
records that is more work than sending them, so the limit stands beside: the server's own pace, with
chunks that were packed beforehand. The runs are interleaved and the medians compared. Then both
send through an outage: the server is killed, and comes back.

    python benchmarks/fluent_sink.py [--records 100000] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
from fluent import asyncsender

from ekspiper.core import Retryable
from ekspiper.sinks.fluent import Fluent

SCRIPT = Path(__file__).parents[1] / "tests" / "sinks" / "fluent" / "server"
MODULES = Path.home() / ".cache" / "ekspiper-benchmarks" / "forward-server"
BATCH = 2000
OUTAGE = 1.0
TARGET = 2
AT_LIMIT = 0.9
CHUNK = 50  # records: about 64,000 bytes of the large ones
LOGGER, SINK, LIMIT = "fluent.asyncsender", "ekspiper Fluent", "limit: packed before"

Record = dict[str, Any]


class Server:
    """The forward server in its own process; `stored` counts what it has."""

    def __init__(self, folder: str, *, packed: bool) -> None:
        self.file = Path(folder) / "stored"
        self._packed = packed
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": self.port, "file": str(self.file), "only": "n", "packed": self._packed}
        self._process = subprocess.Popen(
            ["node", str(SCRIPT / "forward_server.js"), json.dumps(options)],
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(MODULES / "node_modules")},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def stored(self) -> list[int]:
        lines = self.file.read_bytes() if self.file.exists() else b""
        chunks = self.file.with_suffix(".packed")
        packed = chunks.read_bytes() if chunks.exists() else b""
        entries = msgpack.Unpacker(io.BytesIO(packed))
        return [*map(int, lines.split()), *(record["n"] for _, record in entries)]

    def wait_until_still(self, size: int, *, patience: float = 3.0) -> None:
        """Until the file has that size, or has not grown for a while."""
        last, since = -1, time.perf_counter()
        while (now := self.size()) < size:
            if now != last:
                last, since = now, time.perf_counter()
            elif time.perf_counter() - since > patience:
                return
            time.sleep(0.001)


@contextmanager
def running(*, packed: bool) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, packed=packed)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def large_records(count: int) -> list[Record]:
    """Records of about 1,500 bytes, the shape of a transaction with its metadata."""
    nodes = [
        {
            "ModifiedNode": {
                "LedgerEntryType": "AccountRoot",
                "LedgerIndex": f"{index:064X}",
                "FinalFields": {"Balance": {"currency": "XRP", "issuer": "", "value": "99999"}},
                "PreviousFields": {"Sequence": index},
            }
        }
        for index in range(5)
    ]
    return [
        {
            "n": number,
            "TransactionType": "Payment",
            "Account": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
            "Fee": {"currency": "XRP", "issuer": "", "value": "12"},
            "hash": f"{number:064X}",
            "ledger_index": 90_000_000 + number // 100,
            "close_time_iso": "2026-11-22T12:01:40Z",
            "meta": {"TransactionIndex": number % 100, "AffectedNodes": nodes},
        }
        for number in range(count)
    ]


def small_records(count: int) -> list[Record]:
    """Records of about 200 bytes, the shape of a payment's line."""
    return [
        {
            "n": number,
            "hash": f"{number:064X}",
            "ledger_index": 90_000_000 + number // 100,
            "result": "tesSUCCESS",
            "delivered": {"currency": "XRP", "issuer": "", "value": "1000000"},
        }
        for number in range(count)
    ]


def send_with_logger(port: int, records: list[Record], pace: float = 0) -> None:
    sender = asyncsender.FluentSender("t", port=port, nanosecond_precision=True)
    for place, record in enumerate(records):
        sender.emit_with_time(None, 1795348900.0, record)
        if pace and place % BATCH == 0:
            time.sleep(pace)
    sender.close()


def send_with_sink(port: int, records: list[Record], pace: float = 0) -> None:
    async def send() -> None:
        async with Fluent("t", port=port) as sink:
            for first in range(0, len(records), BATCH):
                batch = records[first : first + BATCH]
                while True:
                    try:
                        await sink.collect(batch)
                        break
                    except Retryable:
                        await asyncio.sleep(0.1)
                if pace:
                    await asyncio.sleep(pace)

    asyncio.run(send())


def packed_before(records: list[Record]) -> list[bytes]:
    """Messages of the forward protocol, with the sink's own entries."""
    sink = Fluent("t")
    entries = [sink.encode(record) for record in records]
    chunks = [entries[first : first + CHUNK] for first in range(0, len(entries), CHUNK)]
    return [
        msgpack.packb(["t", b"".join(chunk), {"size": len(chunk), "chunk": str(number)}])
        for number, chunk in enumerate(chunks)
    ]


def send_packed(chunks: list[bytes], port: int, records: list[Record]) -> None:
    """As fast as the server takes them, and until it has acknowledged the last."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        unpacker, acknowledged = msgpack.Unpacker(), threading.Event()

        def listen() -> None:
            waiting = len(chunks)
            while waiting:
                unpacker.feed(connection.recv(1 << 16))
                waiting -= sum(1 for _ in unpacker)
            acknowledged.set()

        threading.Thread(target=listen, daemon=True).start()
        for chunk in chunks:
            connection.sendall(chunk)
        acknowledged.wait()


Send = Callable[[int, list[Record]], None]
SENDERS = {LOGGER: send_with_logger, SINK: send_with_sink}


def speed(records: list[Record], runs: int, *, packed: bool) -> bool:
    """Whether the sink is as fast as it should be: against the logger, or at the server's limit."""
    size = sum(len(f"{record['n']}\n") for record in records)
    senders: dict[str, Send] = {**SENDERS, LIMIT: partial(send_packed, packed_before(records))}
    rates: dict[str, list[float]] = {name: [] for name in senders}
    for _ in range(runs):
        for name, send in senders.items():
            with running(packed=packed) as server:
                began, cpu = time.perf_counter(), time.process_time()
                send(server.port, records)
                if name == LOGGER:  # the others know when all is stored
                    server.wait_until_still(size)
                rates[name].append(len(records) / (time.perf_counter() - began))
                cpu = (time.process_time() - cpu) / len(records)
                missing = len(records) - len(set(server.stored()))
                print(
                    f"  {name:20} {rates[name][-1]:9,.0f} records/s, "
                    f"{cpu * 1e6:5.1f} us of our processor each, {missing} missing"
                )
    median = {name: statistics.median(values) for name, values in rates.items()}
    ratio, share = median[SINK] / median[LOGGER], median[SINK] / median[LIMIT]
    reached = ratio >= TARGET or share >= AT_LIMIT
    print(
        f"  medians: the sink is {ratio:.2f} times the logger, {share:.2f} of the limit "
        f"(target {TARGET} times, or {AT_LIMIT}{'' if reached else ', MISSED'})"
    )
    return reached


def outage(records: list[Record]) -> None:
    """Kill the server after a third of the records, and start it again a second later."""
    for name, send in SENDERS.items():
        with running(packed=False) as server:
            pace = 4 * OUTAGE / (len(records) / BATCH)
            sending = threading.Thread(target=send, args=(server.port, records, pace))
            sending.start()
            while len(server.stored()) < len(records) // 3:
                time.sleep(0.01)
            server.kill()
            time.sleep(OUTAGE)
            server.start()
            sending.join()
            server.wait_until_still(1 << 62)
            stored = server.stored()
            lost, doubled = len(records) - len(set(stored)), len(stored) - len(set(stored))
            print(f"  {name:20} {lost:7,} of {len(records):,} lost, {doubled:,} stored twice")


def install() -> None:
    if not shutil.which("npm"):
        raise SystemExit("this benchmark needs node and npm, for the server @fluent-org/logger")
    MODULES.mkdir(parents=True, exist_ok=True)
    shutil.copy(SCRIPT / "package.json", MODULES)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=MODULES, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    install()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    missed = 0
    for make in (large_records, small_records):
        records = make(options.records)
        print(f"{len(records):,} records of {len(json.dumps(records[0]))} bytes as JSON")
        for packed, server in ((True, "stores chunks as they come"), (False, "decodes every one")):
            print(f" to a server that {server}:")
            missed += not speed(records, options.runs, packed=packed)
    print(f"an outage of {OUTAGE:g} s (SIGKILL):")
    outage(large_records(options.records // 2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

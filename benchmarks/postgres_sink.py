"""Transactions/s of the PostgreSQL sink, beside a plain COPY of the same records as JSON.

The plain COPY is the limit: one column of type jsonb, and nothing else. Everything goes to a
server that is started for it, with fsync, and is committed after every 10,000 rows. The runs are
interleaved, and the medians are compared.

    python benchmarks/postgres_sink.py [--records 50000] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg

from ekspiper.core.testing import RecordingCollector
from ekspiper.sinks.postgres import Postgres
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.schema import schema_for
from ekspiper.xrpl.sources import LedgerRange

SERVER = Path(__file__).parents[1] / "tests" / "sinks" / "postgres" / "conftest.py"
BATCH = 5_000
COMMIT = 10_000


async def transactions(count: int) -> list[dict[str, Any]]:
    """The sample's transactions, again and again under new hashes, until there are enough."""
    kept = RecordingCollector()
    async with open_network("sample") as network:
        await ledger_pipeline(
            LedgerRange(network.pool, [f"{network.first}:{network.last}"]),
            fetch_ledger=FetchLedger(network.pool, definitions=network.definitions),
            pool=network.pool,
            collectors={"transactions": [kept]},
            books=False,
        ).run()
    found = kept.items
    return [{**found[n % len(found)], "hash": f"{n:064X}"} for n in range(count)]


def sink(**options: Any) -> Callable[[str, list[Any]], Awaitable[None]]:
    """The sink as the runner uses it."""

    async def run(dsn: str, records: list[Any]) -> None:
        async with Postgres(dsn, table="records", **options) as collector:
            await collector.restore(None)
            for first in range(0, len(records), BATCH):
                await collector.collect(records[first : first + BATCH])
                if (first + BATCH) % COMMIT == 0:
                    await collector.snapshot(first + BATCH)
            await collector.snapshot(len(records) + 1)

    return run


async def plain_copy(dsn: str, records: list[Any]) -> None:
    """psycopg alone: the records as JSON, one column."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("CREATE TABLE records (record jsonb)")
        for first in range(0, len(records), COMMIT):
            async with (
                connection.cursor() as cursor,
                cursor.copy("COPY records FROM STDIN") as copy,
            ):
                for record in records[first : first + COMMIT]:
                    await copy.write(orjson.dumps(record).replace(b"\\", b"\\\\") + b"\n")


async def plain_rows(dsn: str, records: list[Any]) -> None:
    """psycopg's own way to write rows."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("CREATE TABLE records (record jsonb)")
        for first in range(0, len(records), COMMIT):
            async with (
                connection.cursor() as cursor,
                cursor.copy("COPY records FROM STDIN") as copy,
            ):
                for record in records[first : first + COMMIT]:
                    await copy.write_row((orjson.dumps(record).decode(),))


def start_server(folder: Path) -> Any:
    """The server of the tests, with everything that makes it slower and safe."""
    spec = importlib.util.spec_from_file_location("postgres_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.chown(folder, "postgres")
    cluster = module.Cluster(module._binaries(), folder)
    cluster.create()
    cluster.start(
        fsync="on",
        full_page_writes="on",
        autovacuum="on",
        shared_buffers="256MB",
        max_wal_size="4GB",
    )
    return cluster


def measure(cluster: Any, run: Any, records: list[Any]) -> float:
    """Records/s into an empty database."""
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS benchmark")
        connection.execute("CREATE DATABASE benchmark")
        connection.execute("CHECKPOINT")
    began = time.perf_counter()
    asyncio.run(run(cluster.dsn("benchmark"), records))
    return len(records) / (time.perf_counter() - began)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    records = asyncio.run(transactions(options.records))
    size = sum(len(orjson.dumps(record)) for record in records) / len(records)
    schema = schema_for(Postgres, "transactions")
    assert schema is not None
    contestants = {
        "plain COPY of JSON: the limit": plain_copy,
        "plain COPY of JSON, write_row": plain_rows,
        "sink, 3 columns and _rest": sink(),
        f"sink, {len(schema)} columns of the schema": sink(schema=schema),
        "sink, schema and key (hash)": sink(schema=schema, key=["hash"]),
        "sink, schema, every batch committed": sink(schema=schema, buffer_bytes=0),
    }
    found: dict[str, list[float]] = {name: [] for name in contestants}
    with tempfile.TemporaryDirectory(prefix="ekspiper-pg-") as folder:
        cluster = start_server(Path(folder))
        try:
            for _ in range(options.runs):
                for name, run in contestants.items():
                    found[name].append(measure(cluster, run, records))
        finally:
            cluster.stop()
    limit = statistics.median(found["plain COPY of JSON: the limit"])
    print(
        f"{len(records):,} transactions of {size:,.0f} bytes of JSON; Python "
        f"{platform.python_version()}, psycopg {psycopg.__version__} ({psycopg.pq.__impl__}); "
        f"median of {options.runs}\n"
    )
    print("| into PostgreSQL | records/s | of the limit |\n| --- | --- | --- |")
    for name, speeds in found.items():
        speed = statistics.median(speeds)
        print(f"| {name} | {speed:,.0f} | {speed / limit:.2f} |")


if __name__ == "__main__":
    main()

"""Records/s of the sinks that keep tables: Parquet, Iceberg, Delta, PostgreSQL, DataFrame, metrics.

    python benchmarks/table_sinks.py RECORDS.jsonl [--dsn DSN]

RECORDS.jsonl: transactions as records, such as `ekspiper daemon` writes them. They are collected
in batches of 2,000 with a snapshot after every 10,000. The limit beside them is `orjson.dumps` of
the same records. Without a dsn, PostgreSQL is left out; with one, its table
`ekspiper_benchmark` is made and dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from ekspiper.core import Collector, ColumnReader, JsonLine, Recoverable
from ekspiper.sinks.dataframe import DataFrameCollector
from ekspiper.sinks.delta import Delta
from ekspiper.sinks.iceberg import Iceberg
from ekspiper.sinks.metric import Metric
from ekspiper.sinks.parquet import Parquet
from ekspiper.xrpl.schema import LineColumns, schema_for

BATCH = 2_000
SNAPSHOT = 10_000


class Line(JsonLine):
    """A record as its line, which columns take without its objects."""

    parse = staticmethod(orjson.loads)

    @classmethod
    def column_reader(cls, schema: Any) -> ColumnReader | None:
        return LineColumns.of(schema)


def read(path: Path, count: int) -> list[dict[str, Any]]:
    """The records of a file, again and again under new hashes, until there are enough."""
    lines = path.read_bytes().splitlines()
    records = []
    for number in range(count):
        record = orjson.loads(lines[number % len(lines)])
        record["hash"] = f"{number:064X}"
        records.append(record)
    return records


async def feed(collector: Collector[Any], records: list[Any]) -> None:
    """Do what the runner does."""
    async with collector:
        if isinstance(collector, Recoverable):
            await collector.restore(None)
        for first in range(0, len(records), BATCH):
            await collector.collect(records[first : first + BATCH])
            if isinstance(collector, Recoverable) and (first + BATCH) % SNAPSHOT == 0:
                await collector.snapshot(first)
        if isinstance(collector, Recoverable):
            await collector.snapshot(len(records))


@contextmanager
def timed(name: str, count: int) -> Iterator[None]:
    """Print one line of the table."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"| {name} | {count / wall:,.0f} | {count / processor:,.0f} |", flush=True)


def collectors(folder: Path, dsn: str | None) -> Iterator[tuple[str, Collector[Any]]]:
    """What is measured, by name."""
    yield "metric", Metric("transactions")
    yield "dataframe", DataFrameCollector()
    yield "dataframe, flat", DataFrameCollector(flatten=True)
    yield "parquet", Parquet(folder / "inferred")
    yield "parquet, meta as JSON", Parquet(folder / "json", json_columns=["meta"])
    yield "iceberg", Iceberg("lake.transactions", warehouse=str(folder / "iceberg"))
    yield "delta", Delta(str(folder / "delta"))
    schema = schema_for(Parquet, "transactions")
    for way in ("schema", "lines"):
        at = folder / way
        yield f"parquet, {way}", Parquet(at / "parquet", schema=schema)
        yield f"iceberg, {way}", Iceberg("lake.given", warehouse=str(at / "ice"), schema=schema)
        yield f"delta, {way}", Delta(str(at / "delta"), schema=schema)
    if dsn is not None:
        from ekspiper.sinks.postgres import Postgres

        yield "postgres", Postgres(dsn, table="ekspiper_benchmark")
        known = Postgres(dsn, table="ekspiper_benchmark", key=["hash"])
        yield "postgres, all rows known", known


def drop(dsn: str) -> None:
    """Remove the benchmark's table and position."""
    import psycopg

    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS ekspiper_benchmark")
        connection.execute("DELETE FROM ekspiper_positions WHERE table_name = 'ekspiper_benchmark'")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("records", type=Path)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--dsn")
    options = parser.parse_args()
    records = read(options.records, options.count)
    print(f"{len(records):,} transactions, Python {platform.python_version()}\n")
    print("| sink | records/s | per second of processor time |\n| --- | --- | --- |")
    with timed("limit: orjson.dumps", len(records)):
        for record in records:
            orjson.dumps(record)
    with tempfile.TemporaryDirectory() as folder:
        for name, collector in collectors(Path(folder), options.dsn):
            given = (
                [Line(orjson.dumps(each) + b"\n") for each in records]
                if "lines" in name
                else records
            )
            with timed(name, len(records)):
                asyncio.run(feed(collector, given))
    if options.dsn is not None:
        drop(options.dsn)


if __name__ == "__main__":
    main()

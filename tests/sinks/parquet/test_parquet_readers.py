"""DuckDB, pandas and Polars read a dataset while it is written: whole files, no row twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from ekspiper.sinks.parquet import Parquet


def with_duckdb(path: Path) -> list[int]:
    # `with`, as DuckDB closes a connection that nobody holds, also below its results.
    with duckdb.connect() as connection:
        rows = connection.sql(f"select n from '{path}/*/*.parquet' order by n").fetchall()
    return [n for (n,) in rows]


def with_pandas(path: Path) -> list[int]:
    return sorted(pd.read_parquet(path)["n"].tolist())


def with_polars(path: Path) -> list[int]:
    return sorted(pl.scan_parquet(f"{path}/*/*.parquet").select("n").collect()["n"].to_list())


def with_polars_folder(path: Path) -> list[int]:
    return sorted(pl.read_parquet(path)["n"].to_list())


READERS = [with_duckdb, with_pandas, with_polars, with_polars_folder]


def records(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {"ledger_index": n // 3, "n": n, "meta": {"nodes": [{"a": str(n)}] * 3}}
        for n in range(first, last)
    ]


@pytest.mark.parametrize("reader", READERS)
async def test_readers_while_it_is_written(
    tmp_path: Path, reader: Callable[[Path], list[int]]
) -> None:
    path = tmp_path / "d"
    collector = Parquet(path, row_group_rows=400, partition_ledgers=1000, visible_seconds=3600)
    await collector.open()
    await collector.restore(None)
    written, found, begun = 0, [0], asyncio.Event()

    async def write() -> None:
        nonlocal written
        while len(found) < 12:
            await collector.collect(records(written, written + 37))
            written += 37
            await collector.snapshot(written)
            begun.set()

    async def read() -> None:
        await begun.wait()
        while len(found) < 12:
            numbers = await asyncio.to_thread(reader, path)
            assert numbers == list(range(len(numbers))), "a row twice, or a gap"
            assert len(numbers) >= found[-1], "rows that were seen are gone"
            found.append(len(numbers))

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(read())
    await collector.close()
    assert reader(path) == list(range(written))
    assert found[-1] > 0


async def test_the_readers_see_the_fields(tmp_path: Path) -> None:
    collector = Parquet(tmp_path / "d")
    await collector.open()
    await collector.collect(records(0, 3))
    await collector.close()
    query = f"select meta.nodes[1].a from '{tmp_path}/d/*/*.parquet'"
    with duckdb.connect() as connection:
        assert connection.sql(query).fetchall() == [("0",), ("1",), ("2",)]
    frame = pd.read_parquet(tmp_path / "d")
    assert [meta["nodes"][0]["a"] for meta in frame["meta"]] == ["0", "1", "2"]
    nodes = pl.col("meta").struct.field("nodes").list.first().struct.field("a")
    assert pl.read_parquet(tmp_path / "d").select(nodes)["a"].to_list() == ["0", "1", "2"]

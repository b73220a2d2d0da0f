"""Tables of a lake: schemas that grow, other writers, lost answers, and readers of all kinds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

from ekspiper.core import CheckpointError, ConfigError, Retryable
from ekspiper.sinks.delta import Delta
from ekspiper.sinks.iceberg import Iceberg

from .lakes import FORMATS, Format, make, stored

Collector = Iceberg | Delta
each_format = pytest.mark.parametrize("kind", FORMATS)


def records(first: int, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"ledger_index": n, "hash": f"{n:04X}", **more} for n in range(first, first + count)]


async def opened(kind: Format, folder: Path, state: Any = None, **options: Any) -> Collector:
    collector = make(kind, folder, **options)
    await collector.open()
    try:
        await collector.restore(state)
    except BaseException:
        await collector.close()
        raise
    return collector


def indexes(kind: Format, folder: Path) -> list[int]:
    return [record["ledger_index"] for record in stored(kind, folder)]


@each_format
async def test_partitions_are_ranges_of_ledgers(kind: Format, tmp_path: Path) -> None:
    collector = await opened(kind, tmp_path, partition_ledgers=10)
    await collector.collect([*records(5, 20), {"hash": "no ledger"}])
    await collector.snapshot(1)
    await collector.close()
    found = folders(tmp_path)
    column = "ledgers" if kind == "iceberg" else "_ledgers"
    assert {f"{column}={first}" for first in (0, 10, 20)} < found
    assert len(found) == 4


def folders(path: Path) -> set[str]:
    """The folders of data files."""
    return {file.parent.name for file in path.rglob("*.parquet")}


def read_delta(folder: Path) -> Any:
    import deltalake

    return deltalake.DeltaTable(str(folder / "records"))


def load_iceberg(folder: Path) -> Any:
    from pyiceberg.catalog import load_catalog

    uri = f"sqlite:///{folder}/catalog.db"
    with load_catalog("ekspiper", type="sql", uri=uri, warehouse=folder.as_uri()) as catalog:
        return catalog.load_table("lake.records")


def with_duckdb(connection: Any) -> list[int]:
    # Held by a name: DuckDB closes a connection that nobody holds, also below its results.
    return [row[0] for row in connection.sql("SELECT ledger_index FROM records").fetchall()]


READERS: dict[str, Callable[[Path], list[int]]] = {
    "iceberg: itself": lambda folder: (
        load_iceberg(folder).scan().to_arrow()["ledger_index"].to_pylist()
    ),
    "iceberg: pandas": lambda folder: (
        load_iceberg(folder).scan().to_pandas()["ledger_index"].tolist()
    ),
    "iceberg: Polars": lambda folder: (
        polars.scan_iceberg(load_iceberg(folder)).collect()["ledger_index"].to_list()
    ),
    "iceberg: DuckDB": lambda folder: with_duckdb(load_iceberg(folder).scan().to_duckdb("records")),
    "delta: itself": lambda folder: (
        read_delta(folder).to_pyarrow_table()["ledger_index"].to_pylist()
    ),
    "delta: pandas": lambda folder: read_delta(folder).to_pandas()["ledger_index"].tolist(),
    "delta: Polars": lambda folder: polars.read_delta(str(folder / "records"))[
        "ledger_index"
    ].to_list(),
    "delta: DuckDB": lambda folder: [
        row[0]
        for row in duckdb.sql(
            f"SELECT ledger_index FROM read_parquet({read_delta(folder).file_uris()!r})"
        ).fetchall()
    ],
}


@pytest.mark.filterwarnings("ignore:Iceberg scan planning")
@pytest.mark.parametrize("reader", READERS)
async def test_other_readers(reader: str, tmp_path: Path) -> None:
    kind: Format = "iceberg" if reader.startswith("iceberg") else "delta"
    collector = await opened(kind, tmp_path, partition_ledgers=10)
    await collector.collect(records(0, 10))
    state = await collector.snapshot(9)
    await collector.collect(records(10, 15, amount=Decimal("1.5"), more={"a": [1]}))
    await collector.snapshot(24)
    await collector.close()
    assert sorted(READERS[reader](tmp_path)) == [*range(25)]
    await (await opened(kind, tmp_path, state)).close()
    assert sorted(READERS[reader](tmp_path)) == [*range(25)], "the table is ahead, and stays"


@each_format
async def test_a_schema_that_is_found_grows_with_the_records(kind: Format, tmp_path: Path) -> None:
    first = [{"ledger_index": 1, "fee": {"value": "1"}, "odd name": 1, "list": [{"a": 1}]}]
    second = [
        {"ledger_index": 2, "fee": {"value": "2", "currency": "XRP"}, "list": [{"b": "x"}]},
        {"ledger_index": 3, "new": {"deep": [1, 2]}, "Ledger_Index": 7, "amount": Decimal("0.1")},
        {"ledger_index": 4, "_row": 5, "_rest": 6, "_ledgers": 7, "ok": True, "none": None},
        {"ledger_index": 5, "list": [], "new": {"deep": []}},
        {"ledger_index": 6, "list": [{}], "new": {}},
    ]
    collector = await opened(kind, tmp_path)
    await collector.collect(first)
    await collector.snapshot(1)
    await collector.collect(second)
    await collector.snapshot(2)
    await collector.close()
    assert stored(kind, tmp_path) == first + second
    table = load_iceberg(tmp_path).scan().to_arrow() if kind == "iceberg" else None
    table = table or read_delta(tmp_path).to_pyarrow_table()
    assert {"fee", "new", "amount", "ok", "list"} < set(table.schema.names)
    assert not {"odd name", "Ledger_Index"} & set(table.schema.names)
    assert table.schema.field("amount").type == pa.decimal128(38, 18)


@each_format
async def test_a_schema_that_is_given_grows_when_it_has_more(kind: Format, tmp_path: Path) -> None:
    old = pa.schema(
        [
            ("ledger_index", pa.uint32()),
            ("meta", pa.struct([("a", pa.large_string())])),
            ("at", pa.timestamp("s", tz="UTC")),
        ]
    )
    new = pa.schema(
        [
            ("ledger_index", pa.uint32()),
            ("meta", pa.struct([("a", pa.large_string()), ("b", pa.int64())])),
            ("at", pa.timestamp("s", tz="UTC")),
            pa.field("any", pa.string(), metadata={b"ekspiper": b"json"}),
        ]
    )
    rows: list[dict[str, Any]] = [
        {"ledger_index": 1, "meta": {"a": "x", "b": 1}, "at": "2026-11-22T12:01:40Z", "any": [1]},
        {"ledger_index": 2, "meta": {"a": "x", "b": 2}, "any": {"c": None}},
        {"ledger_index": 3, "meta": {"a": 5}, "at": "yesterday", "any": "text"},
    ]
    for schema, row in zip((old, new, old), rows, strict=True):
        collector = await opened(kind, tmp_path, schema=schema)
        await collector.collect([row])
        await collector.snapshot(row["ledger_index"])
        await collector.close()
    assert stored(kind, tmp_path) == rows
    table = load_iceberg(tmp_path).scan().to_arrow() if kind == "iceberg" else None
    table = (table or read_delta(tmp_path).to_pyarrow_table()).sort_by("_row")
    assert table["any"].to_pylist() == [None, '{"c":null}', '"text"']
    assert [each["b"] for each in table["meta"].to_pylist()] == [None, 2, None]
    wrong = pa.schema([("ledger_index", pa.string())])
    with pytest.raises(ConfigError, match="column ledger_index is int64 there and string here"):
        await opened(kind, tmp_path, schema=wrong)


@each_format
@pytest.mark.parametrize("at_once", [False, True])
async def test_the_second_of_two_writers_stops(
    kind: Format, at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where both looked at the table before one of them committed."""
    one = await opened(kind, tmp_path)
    await one.collect(records(0, 5))
    await one.snapshot(4)
    two = await opened(kind, tmp_path)
    for collector in (one, two):
        await collector.collect(records(5, 7))
    await one.snapshot(11)
    await two.collect(records(12, 1))
    with monkeypatch.context() as patched:
        if at_once:
            patched.setattr(two._table, "_refuse_taken", lambda row: None)
        with pytest.raises(Retryable):
            await two.snapshot(12)
    with pytest.raises(CheckpointError, match="has changed since it was left: another pipeline"):
        await two.snapshot(12)
    await two.close()
    await one.close()
    assert indexes(kind, tmp_path) == [*range(12)]


class Lost(Exception):
    """The answer to a commit is lost."""


@each_format
@pytest.mark.parametrize("landed", [True, False])
async def test_an_answer_that_is_lost_doubles_nothing(
    kind: Format, landed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = await opened(kind, tmp_path)
    await collector.collect(records(0, 3))
    commit = collector._table.commit

    def lossy(rows: Any, row: Any, *, after: int) -> None:
        if landed:
            commit(rows, row, after=after)
        raise Lost

    with monkeypatch.context() as patched:
        patched.setattr(collector._table, "commit", lossy)
        with pytest.raises(Lost):
            await collector.snapshot(2)
    state = await collector.snapshot(2)
    await collector.collect(records(3, 3))
    await collector.snapshot(5)
    await collector.close()
    assert indexes(kind, tmp_path) == [*range(6)]
    again = await opened(kind, tmp_path, state)
    assert await again.restore(state) == 5
    await again.close()


@each_format
async def test_cancelled_in_a_commit(
    kind: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = await opened(kind, tmp_path)
    await collector.collect(records(0, 3))
    commit, begun = collector._table.commit, asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(rows: Any, row: Any, *, after: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        commit(rows, row, after=after)

    monkeypatch.setattr(collector._table, "commit", slow)
    task = asyncio.create_task(collector.snapshot(2))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await collector.snapshot(2)
    await collector.close()
    assert indexes(kind, tmp_path) == [*range(3)]


@each_format
async def test_letters_that_are_fed_back_come_again_after_a_crash(
    kind: Format, tmp_path: Path
) -> None:
    """Rows at a position that does not move are taken back, as the checkpoint lacks them."""
    collector = await opened(kind, tmp_path)
    await collector.collect(records(0, 3))
    await collector.snapshot(2)
    state = await collector.snapshot(9)  # seven ledgers without a row
    await collector.close()
    for _ in range(2):
        collector = await opened(kind, tmp_path, state)
        await collector.collect(records(100, 1))
        await collector.snapshot(9)
        await collector.close()
    assert indexes(kind, tmp_path) == [0, 1, 2, 100]


@each_format
async def test_tables_and_checkpoints_that_do_not_fit(kind: Format, tmp_path: Path) -> None:
    collector = await opened(kind, tmp_path)
    await collector.collect(records(0, 3))
    state = await collector.snapshot(2)
    await collector.close()
    with pytest.raises(CheckpointError, match="belongs to another table"):
        await opened(kind, tmp_path / "other", state)
    with pytest.raises(CheckpointError, match="holds 3 rows up to position 2, and the checkpoint"):
        await opened(kind, tmp_path, {**state, "rows": 4})
    foreign = tmp_path / "foreign"
    if kind == "iceberg":
        await (await opened(kind, foreign)).close()
        table = load_iceberg(foreign)
        with table.catalog:
            table.append(pa.table({"ledger_index": [1]}))
    else:
        import deltalake

        deltalake.write_deltalake(str(foreign / "records"), pa.table({"ledger_index": [1]}))
    with pytest.raises(ConfigError, match="has rows that ekspiper did not write"):
        await opened(kind, foreign)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"table": "a.b"}, "give warehouse, a folder for tables, or catalog"),
        ({"table": "a.b", "warehouse": "s3://bucket"}, "s3://bucket needs a catalog"),
        ({"table": "b", "warehouse": "w"}, "'b' needs a namespace: write NAMESPACE.TABLE"),
        ({"table": "a.b", "warehouse": "w", "partition_ledgers": 0}, "must be more than 0"),
    ],
)
def test_options_of_iceberg(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Iceberg(**options)


async def test_what_cannot_be_opened_or_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for kind in FORMATS:
        with pytest.raises(ConfigError, match="does not hold"):
            stored(kind, tmp_path / "nothing")
        with pytest.raises((ConfigError, Retryable), match=r"the (Delta )?table "):
            await opened(kind, tmp_path / "file")
    await (await opened("iceberg", tmp_path)).close()
    with pytest.raises(ConfigError, match=r"has no table lake\.other"):
        list(Iceberg.read_records("lake.other", warehouse=str(tmp_path)))


async def test_a_catalog_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("TYPE", "sql"),
        ("URI", f"sqlite:///{tmp_path}/other.db"),
        ("WAREHOUSE", tmp_path.as_uri()),
    ):
        monkeypatch.setenv(f"PYICEBERG_CATALOG__MINE__{name}", value)
    program = (
        "import asyncio\n"
        "from ekspiper.sinks.iceberg import Iceberg\n"
        "async def main():\n"
        "    async with Iceberg('a.b', catalog='mine') as sink:\n"
        "        await sink.restore(None)\n"
        "        await sink.collect([{'ledger_index': 1}])\n"
        "        await sink.snapshot(1)\n"
        "    print(list(Iceberg.read_records('a.b', catalog='mine')))\n"
        "asyncio.run(main())\n"
    )
    run = partial(subprocess.run, check=True, capture_output=True)
    done = await asyncio.to_thread(run, [sys.executable, "-c", program])
    assert done.stdout == b"[{'ledger_index': 1}]\n"
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    ("package", "name"), [("pyiceberg", "iceberg"), ("deltalake", "delta"), ("pyarrow", "delta")]
)
def test_without_the_extra(package: str, name: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from ekspiper.core import MissingExtra\n"
        "from ekspiper.core import registry\n"
        f"kind = registry.load('collectors', {name!r})\n"
        "try: kind('a.b')\n"
        "except MissingExtra as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    assert f"pip install 'ekspiper-sinks[{name}]'".encode() in out


async def test_pandas_sees_the_types(tmp_path: Path) -> None:
    collector = await opened("delta", tmp_path)
    await collector.collect([{"ledger_index": 1, "amount": Decimal("1.5")}])
    await collector.snapshot(1)
    await collector.close()
    frame = pandas.DataFrame(read_delta(tmp_path).to_pandas())
    assert frame["amount"].tolist() == [Decimal("1.5")]

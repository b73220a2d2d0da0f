"""The network learns a field: tables of a lake get its column, and every reader sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pyarrow as pa
import pytest

from ekspiper.core import registry
from ekspiper.xrpl.schema import Formats, arrow_schema
from tests.xrpl.older_definitions import older_definitions

duckdb = pytest.importorskip("duckdb")

FIELD = "MPTokenMetadata"


def record(number: int) -> dict[str, Any]:
    return {"ledger_index": number, "TransactionType": "Payment", FIELD: f"{number:04X}"}


def delta(folder: Path) -> Any:
    import deltalake

    return deltalake.DeltaTable(str(folder))


def iceberg(folder: Path) -> Any:
    from pyiceberg.catalog import load_catalog

    uri = f"sqlite:///{folder}/catalog.db"
    with load_catalog("ekspiper", type="sql", uri=uri, warehouse=folder.as_uri()) as catalog:
        return catalog.load_table("a.b")


def with_duckdb(connection: Any) -> Any:
    # Held by a name: DuckDB closes a connection that nobody holds, also below its results.
    return connection.query(f"SELECT ledger_index, {FIELD} FROM rows").fetch_arrow_table()


READERS: dict[str, Callable[[Path], Any]] = {
    "delta: pyarrow": lambda folder: delta(folder).to_pyarrow_table(),
    "delta: pandas": lambda folder: pa.Table.from_pandas(delta(folder).to_pandas()),
    "delta: Polars": lambda folder: polars.read_delta(str(folder)).to_arrow(),
    "delta: DuckDB": lambda folder: (
        duckdb.arrow(delta(folder).to_pyarrow_dataset())
        .query("rows", f"SELECT ledger_index, {FIELD} FROM rows")
        .fetch_arrow_table()
    ),
    "iceberg: pyarrow": lambda folder: iceberg(folder).scan().to_arrow(),
    "iceberg: pandas": lambda folder: pa.Table.from_pandas(iceberg(folder).scan().to_pandas()),
    "iceberg: Polars": lambda folder: polars.scan_iceberg(iceberg(folder)).collect().to_arrow(),
    "iceberg: DuckDB": lambda folder: with_duckdb(iceberg(folder).scan().to_duckdb("rows")),
}


@pytest.mark.filterwarnings("ignore:Iceberg scan planning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["delta", "iceberg"])
async def test_a_field_that_was_beside_gets_its_column(kind: str, tmp_path: Path) -> None:
    collector = registry.load("collectors", kind)
    options: dict[str, Any] = {
        "delta": {"path": str(tmp_path)},
        "iceberg": {"table": "a.b", "warehouse": str(tmp_path)},
    }[kind]
    older = Formats(older_definitions(fields={FIELD}))
    for number, formats in enumerate([older, Formats(), older, Formats()]):
        schema = arrow_schema(formats.transactions_table())
        assert (FIELD in schema.names) is (formats is not older)
        async with collector(**options, schema=schema) as sink:
            await sink.restore(None)
            await sink.collect([record(number)])
            await sink.snapshot(number + 1)
    place = options.pop("path", None) or options.pop("table")
    assert list(collector.read_records(place, **options)) == [record(n) for n in range(4)]
    for name, read in READERS.items():
        if name.startswith(kind):
            rows = dict(
                zip(
                    *(read(tmp_path)[each].to_pylist() for each in ("ledger_index", FIELD)),
                    strict=True,
                )
            )
            # A table that has the column keeps it, also for a writer that does not know of it.
            expected = {0: None, **{n: record(n)[FIELD] for n in (1, 2, 3)}}
            assert rows == expected, name

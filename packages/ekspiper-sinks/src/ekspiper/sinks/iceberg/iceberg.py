"""The collector that writes Apache Iceberg tables."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._lake import LakeCollector
from ._catalog import CatalogSettings, pyiceberg_catalog
from ._table import IcebergTable
from .chunk_tables import ChunkTables, chunk_file
from .records import read_records

__all__ = ["Iceberg"]


class Iceberg(LakeCollector):
    """Writes records to an Apache Iceberg table. Exactly once, with a checkpoint or without.

    A snapshot commits the rows since the last one, and the position of the source as a property of
    the table, in one commit of Iceberg. A restart continues from the position that was committed.
    Readers never see a row that is taken back later, with one exception: see `buffer_bytes`.
    `read_records` gives back each record as it was: what no column can hold is in the column
    `_rest`, as JSON. `_row` numbers the rows in the order in which they came.

    The table is made where it is missing, partitioned by ranges of `ledger_index`. It gets new
    columns when the schema has some, or, without a schema, when records do.

    A commit takes a tenth of a second or more, and leaves files behind: commit once a minute, not
    every second (`commit_seconds`), and compact the table from time to time; see docs/sinks.md.

    Args:
        table: the name of the table after its namespace and a dot, such as `xrpl.transactions`.
        warehouse: a folder for tables, with a catalog in SQLite; with `catalog`, its warehouse.
        catalog: the name of a catalog that is configured for PyIceberg, in `.pyiceberg.yaml` or in
            `PYICEBERG_CATALOG__NAME__...` variables, with its credentials.
        schema: a `pyarrow.Schema`. A text field with the metadata `ekspiper: json` holds JSON.
        partition_ledgers: the number of ledgers in a partition of a table that is made.
        buffer_bytes: roughly the most bytes of rows between two snapshots that are held in memory.
            More rows than that are committed without a position; readers see them, and a crash
            takes them back.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: PyIceberg is not installed.
    """

    read_records = staticmethod(read_records)
    """The function `read_records`, for code that finds this class by its name."""

    one_file = staticmethod(chunk_file)
    """The function `chunk_file`, for the same reason."""

    chunk_store = ChunkTables
    """The class `ChunkTables`, for the same reason."""

    def __init__(
        self,
        table: str,
        *,
        warehouse: str | None = None,
        catalog: str | None = None,
        schema: Any = None,
        partition_ledgers: int = 100_000,
        buffer_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        pyiceberg_catalog()
        super().__init__(
            partial(IcebergTable, CatalogSettings(catalog, warehouse), table),
            schema=schema,
            partition_ledgers=partition_ledgers,
            buffer_bytes=buffer_bytes,
        )

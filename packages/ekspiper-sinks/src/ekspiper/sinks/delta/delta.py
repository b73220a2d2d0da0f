"""The collector that writes Delta Lake tables."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._lake import LakeCollector
from ._table import DeltaTable, deltalake
from .records import read_records

__all__ = ["Delta"]


class Delta(LakeCollector):
    """Writes records to a Delta Lake table. Exactly once, with a checkpoint or without.

    A snapshot commits the rows since the last one and the position of the source, in one commit of
    Delta Lake. A restart continues from the position that was committed. Readers never see a row
    that is taken back later, with one exception: see `buffer_bytes`. `read_records` gives back each
    record as it was: what no column can hold is in the column `_rest`, as JSON. `_row` numbers the
    rows in the order in which they came.

    The table is made where it is missing, partitioned by `_ledgers`, the first ledger of a range.
    It gets new columns when the schema has some, or, without a schema, when records do.

    Each commit leaves files behind: commit once a minute, not every second (`commit_seconds`), and
    compact the table from time to time; see docs/sinks.md.

    Args:
        path: the table's folder, or its URL in an object store, whose credentials are taken from
            the environment.
        schema: a `pyarrow.Schema`. A text field with the metadata `ekspiper: json` holds JSON.
        partition_ledgers: the number of ledgers in a partition.
        buffer_bytes: roughly the most bytes of rows between two snapshots that are held in memory.
            More rows than that are committed without a position; readers see them, and a crash
            takes them back.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: deltalake is not installed.
    """

    read_records = staticmethod(read_records)
    """The function `read_records`, for code that finds this class by its name."""

    def __init__(
        self,
        path: str,
        *,
        schema: Any = None,
        partition_ledgers: int = 100_000,
        buffer_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        deltalake()
        super().__init__(
            partial(DeltaTable, str(path)),
            schema=schema,
            partition_ledgers=partition_ledgers,
            buffer_bytes=buffer_bytes,
        )

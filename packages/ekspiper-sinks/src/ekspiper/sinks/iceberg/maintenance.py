"""Jobs for a table that gets a small commit every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from .._lake import ROW
from ._catalog import CatalogSettings
from ._table import quietly

__all__ = ["compact", "expire"]


def compact(
    table: str,
    first: int,
    last: int,
    *,
    ledgers: int = 500,
    files: int = 8,
    warehouse: str | None = None,
    catalog: str | None = None,
) -> int:
    """Make one file of many small ones, for each `ledgers` ledgers from `first` to `last`.

    A collector may be writing to the table meanwhile: leave out the ledgers that it is at. What is
    rewritten is in memory at once.

    Args:
        files: ledgers with fewer files are left as they are.

    Returns:
        The number of files less.

    Raises:
        pyiceberg.exceptions.ValidationException: somebody wrote to these ledgers meanwhile.
    """
    opened = CatalogSettings(catalog, warehouse).load(make=False)
    try:
        found = opened.load_table(table)
        gone = 0
        for start in range(first, last + 1, ledgers):
            end = min(start + ledgers - 1, last)
            wanted = f"ledger_index >= {start} and ledger_index <= {end}"
            before = _count(found, wanted)
            # Rewriting costs reading and writing all of it, and few files do not slow a query.
            if before < files:
                continue
            # Sorted, as a scan gives files in any order and `_row` says how the rows came.
            rows = found.scan(row_filter=wanted).to_arrow().sort_by(ROW)
            with quietly():
                found.overwrite(rows, overwrite_filter=wanted)
            found.refresh()
            gone += before - _count(found, wanted)
        return gone
    finally:
        opened.close()


def _count(table: Any, wanted: str) -> int:
    return sum(1 for _ in table.scan(row_filter=wanted).plan_files())


def expire(
    table: str,
    older_than: timedelta,
    *,
    warehouse: str | None = None,
    catalog: str | None = None,
) -> int:
    """Forget old snapshots, which every commit writes again and again.

    Readers can then go back in time no further. The files of those snapshots stay until an engine
    removes them, such as Spark with `remove_orphan_files`.

    Returns:
        The number of snapshots less.
    """
    opened = CatalogSettings(catalog, warehouse).load(make=False)
    try:
        found = opened.load_table(table)
        before = len(found.metadata.snapshots)
        until = datetime.now(UTC) - older_than
        found.maintenance.expire_snapshots().older_than(until).commit()
        return before - len(found.refresh().metadata.snapshots)
    finally:
        opened.close()

"""Which collectors take the records of each kind, as the configuration says."""

from __future__ import annotations

from pathlib import Path

from ekspiper.core import Delivery
from ekspiper.xrpl.config import (
    RECORDS,
    CollectorTable,
    Settings,
)

__all__ = ["file_collectors", "places", "record_collectors"]


def record_collectors(settings: Settings, *, network: str) -> dict[str, list[Delivery]]:
    """The collectors of each kind of records.

    With `out` there are JSON-lines files; without `out` and without any table, standard output.

    Raises:
        ConfigError: a collector is unknown, or one of its options is wrong.
    """
    tables = [*settings.collector_tables]
    if settings.out is not None:
        tables.append(file_collectors())
    elif not tables:
        tables.append(CollectorTable(("collectors", "stdout"), "stdout", RECORDS, {}))
    # Each kind of records gets its own collector: a file, a table or a tag is for one kind.
    stand_for = places(settings.out, network)
    return {
        records: [
            Delivery(table.make(records=records, **stand_for), name=table.path[-1])
            for table in tables
            if records in table.records
        ]
        for records in RECORDS
    }


def places(out: Path | None, network: str) -> dict[str, str]:
    """What `{network}` and `{out}` stand for in a path or tag."""
    return {"network": network, "out": str(out or ".")}


def file_collectors() -> CollectorTable:
    """The table of the JSON-lines files below `out`, as if it stood in the configuration."""
    return CollectorTable(
        ("collectors", "files"), "jsonl", RECORDS, {"path": "{out}/{records}.jsonl"}
    )

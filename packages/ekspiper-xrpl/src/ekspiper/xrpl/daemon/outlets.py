"""Which collectors take the records of each kind, as the configuration says."""

from __future__ import annotations

from typing import Any

from ekspiper.core import Collector, Delivery

from ..config import (
    RECORDS,
    CollectorTable,
    Settings,
    collector_tables,
    dead_letter_table,
    make_collector,
)

__all__ = ["dead_letter_collector", "outlets"]


def outlets(settings: Settings, *, network: str) -> dict[str, list[Delivery]]:
    """The collectors of each kind of records.

    With `out` there are JSON-lines files; without `out` and without any table, standard output.

    Raises:
        ConfigError: a collector is unknown, or one of its options is wrong.
    """
    tables = collector_tables(settings)
    if settings.out is not None:
        tables.append(_files())
    elif not tables:
        tables.append(CollectorTable(("collectors", "stdout"), "stdout", RECORDS, {}))
    places = {"network": network, "out": str(settings.out or ".")}
    return {
        records: [
            Delivery(make_collector(table, records=records, **places), name=table.path[-1])
            for table in tables
            if records in table.records
        ]
        for records in RECORDS
    }


def dead_letter_collector(settings: Settings, *, network: str) -> Collector[Any] | None:
    """Where items go that fail for good; None: they stop the daemon."""
    table = dead_letter_table(settings)
    if table is None:
        if settings.out is None:
            return None
        table = _files()
    places = {"network": network, "out": str(settings.out or ".")}
    return make_collector(table, records="dead_letters", **places)


def _files() -> CollectorTable:
    return CollectorTable(
        ("collectors", "files"), "jsonl", RECORDS, {"path": "{out}/{records}.jsonl"}
    )

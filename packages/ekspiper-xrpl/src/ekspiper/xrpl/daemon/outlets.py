"""Which collectors take the records of each kind, as the configuration says."""

from __future__ import annotations

from pathlib import Path
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

__all__ = ["dead_letter_collector", "dead_letter_file", "outlets"]

_NOT_ONE_FILE = ("compression", "rotate_bytes", "rotate_seconds")


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
    places = _places(settings.out, network)
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
    letters = _letters(settings, network)
    if letters is None:
        return None
    table, places = letters
    return make_collector(table, records="dead_letters", **places)


def dead_letter_file(settings: Settings, *, network: str) -> Path | None:
    """The one file of JSON lines that dead letters go to; None where they go elsewhere."""
    letters = _letters(settings, network)
    if letters is None:
        return None
    table, places = letters
    options = table.filled(records="dead_letters", **places)
    if table.type != "jsonl" or any(options.get(name) for name in _NOT_ONE_FILE):
        return None
    return Path(options["path"])


def _letters(settings: Settings, network: str) -> tuple[CollectorTable, dict[str, str]] | None:
    """The table of the dead-letter collector, and what its places stand for."""
    table = dead_letter_table(settings)
    if table is not None:
        return table, _places(settings.out, network)
    if settings.state_folder is None:
        return None
    return _files(), _places(settings.state_folder, network)


def _places(out: Path | None, network: str) -> dict[str, str]:
    return {"network": network, "out": str(out or ".")}


def _files() -> CollectorTable:
    return CollectorTable(
        ("collectors", "files"), "jsonl", RECORDS, {"path": "{out}/{records}.jsonl"}
    )

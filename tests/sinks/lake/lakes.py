"""The two formats, made and read alike by the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ekspiper.sinks.delta import Delta
from ekspiper.sinks.iceberg import Iceberg

__all__ = ["FORMATS", "Format", "make", "stored"]

Format: TypeAlias = Literal["iceberg", "delta"]
FORMATS: tuple[Format, ...] = ("iceberg", "delta")


def make(kind: Format, folder: Path, **options: Any) -> Iceberg | Delta:
    """A collector of a table in a folder."""
    if kind == "iceberg":
        return Iceberg("lake.records", warehouse=str(folder), **options)
    return Delta(str(folder / "records"), **options)


def stored(kind: Format, folder: Path) -> Sequence[Any]:
    """The records of the table, in the order of collecting."""
    if kind == "iceberg":
        return list(Iceberg.read_records("lake.records", warehouse=str(folder)))
    return list(Delta.read_records(str(folder / "records")))

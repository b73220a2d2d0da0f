"""Reads the tables of an output folder one record at a time, whatever their format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from ekspiper.core import ConfigError, registry

from ..parquet_files import parquet_files

__all__ = ["is_warehouse", "read_line", "read_table"]


def read_table(
    folder: Path | str,
    records: str,
    *,
    columns: Sequence[str] | None = None,
    damaged: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """The records of a kind, in the order in which they were written.

    Args:
        folder: that they are in; or the URL of a place in an object store, where they are Parquet.
        columns: read only these, where the format can.
        damaged: told what cannot be read. In JSON lines that is a line, and the next one follows;
            in Parquet it is the rest of the table.

    Raises:
        ConfigError: the folder has no such table.
    """
    if isinstance(folder, str):
        try:
            yield from registry.load("collectors", "parquet").read_records(f"{folder}/{records}")
        except ValueError as error:  # pyarrow's own are kinds of it; the network's are not
            damaged(f"{records} cannot be read: {str(error).splitlines()[0]}")
        return
    lines, dataset = folder / f"{records}.jsonl", folder / records
    if lines.is_file():
        yield from _lines(lines, damaged)
    elif is_warehouse(folder):
        # Only its collector knows the tables; they have all columns.
        yield from registry.load("collectors", "iceberg").read_records(
            f"xrpl.{records}", warehouse=str(folder)
        )
    elif dataset.is_dir():
        try:
            yield from _parquet(dataset, columns)
        except (OSError, ValueError) as error:  # pyarrow's own are kinds of these
            damaged(f"{dataset.name} cannot be read: {str(error).splitlines()[0]}")
    else:
        raise ConfigError(f"{folder} has neither {lines.name} nor a Parquet dataset {records}/")


def is_warehouse(folder: Path) -> bool:
    """Whether the records of a folder are tables of Iceberg, in its own catalog."""
    return (folder / "catalog.db").is_file()


def _lines(path: Path, damaged: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            record = read_line(line, f"{path.name}, line {number}", damaged)
            if record is not None:
                yield record


def read_line(line: bytes, name: str, damaged: Callable[[str], None]) -> dict[str, Any] | None:
    """The record of a line; None where there is none, which `damaged` is told."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        torn = "" if line.endswith(b"\n") else ", and it is cut off"
        damaged(f"{name}: not JSON{torn}: {error}")
        return None
    if isinstance(record, dict):
        return record
    damaged(f"{name}: not a record")
    return None


def _parquet(path: Path, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    if columns is None:  # only the collector knows how to make the records whole again
        yield from registry.load("collectors", "parquet").read_records(path)
        return
    table = parquet_files(path)
    names = [name for name in columns if name in table.schema.names]
    for batch in table.to_batches(columns=names):
        yield from batch.to_pylist()

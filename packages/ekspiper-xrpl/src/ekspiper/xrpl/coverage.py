"""Which ledgers a folder holds, and their places in the chain, read from its own files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import orjson

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.processors import LedgerLink

from .output_folder import OutputFolder
from .parquet_files import parquet_files

__all__ = ["coverage", "links"]

# One search instead of parsing: a folder of a year has 8 million lines to look at.
_INDEX = re.compile(rb'"ledger_index":(\d+)')


def coverage(folder: OutputFolder) -> LedgerSet:
    """The ledgers recorded in `folder`, from its records of kind `ledgers`.

    Raises:
        ConfigError: the file holds something else.
    """
    table = folder.table("ledgers")
    if not table.exists():
        return LedgerSet()
    if folder.format == "parquet":
        return LedgerSet.of(_runs(_parquet_indexes(table)))
    return LedgerSet.of(_runs(_line_indexes(table)))


def links(folder: OutputFolder, ledgers: Collection[int]) -> list[LedgerLink]:
    """The places in the chain of those of `ledgers` that `folder` holds.

    Raises:
        ConfigError: a record of one of them has no hashes.
    """
    table = folder.table("ledgers")
    if not ledgers or not table.exists():
        return []
    if folder.format == "parquet":
        return _parquet_links(table, ledgers)
    return list(_line_links(table, ledgers))


def _line_indexes(path: Path) -> Iterator[int]:
    for number, line in _lines(path):
        match = _INDEX.search(line)
        if match is None:
            raise _no_record(path, number)
        yield int(match[1])


def _line_links(path: Path, ledgers: Collection[int]) -> Iterator[LedgerLink]:
    for number, line in _lines(path):
        match = _INDEX.search(line)
        if match is None or int(match[1]) not in ledgers:
            continue
        try:
            record = orjson.loads(line)
            yield LedgerLink(int(match[1]), record["ledger_hash"], record["parent_hash"])
        except (KeyError, TypeError, ValueError):
            raise _no_record(path, number) from None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines, with their numbers."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return  # torn by a crash; the next run cuts it off
            yield number, line


def _no_record(path: Path, number: int) -> ConfigError:
    return ConfigError(f"{path}, line {number}: not the record of a ledger")


def _parquet_indexes(path: Path) -> Iterator[int]:
    files = parquet_files(path)
    if files.files:
        for batch in files.to_batches(columns=["ledger_index"]):
            yield from batch.column(0).to_pylist()


def _parquet_links(path: Path, ledgers: Collection[int]) -> list[LedgerLink]:
    files = parquet_files(path)
    if not files.files:
        return []
    from pyarrow import compute

    wanted = compute.field("ledger_index").isin([*ledgers])
    found = files.to_table(columns=[*LedgerLink._fields], filter=wanted)
    return [LedgerLink(**row) for row in found.to_pylist()]


def _runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers, up or down, so that a long file needs little memory."""
    first = last = None
    for index in indexes:
        if first is None or last is None:
            first = last = index
        # Files of a backfill may go backwards, and a restart repeats a few.
        elif first - 1 <= index <= last + 1:
            first, last = min(first, index), max(last, index)
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last

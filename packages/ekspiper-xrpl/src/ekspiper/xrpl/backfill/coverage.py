"""Which ledgers a folder holds, read from its own files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ekspiper.core import ConfigError, MissingExtra

from ..client.ledger_set import LedgerSet
from ..output_folder import OutputFolder

__all__ = ["covered"]

_INDEX = re.compile(rb'"ledger_index":(\d+)')


def covered(folder: OutputFolder) -> LedgerSet:
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


def _line_indexes(path: Path) -> Iterator[int]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return  # torn by a crash; the next run cuts it off
            match = _INDEX.search(line)
            if match is None:
                raise ConfigError(f"{path}, line {number}: no record of a ledger")
            yield int(match[1])


def _parquet_indexes(path: Path) -> Iterator[int]:
    try:
        from pyarrow import dataset
    except ImportError as error:
        raise MissingExtra(
            "Parquet needs pyarrow: pip install 'ekspiper-sinks[parquet]'"
        ) from error
    files = dataset.dataset(path, format="parquet", partitioning="hive")
    if not files.files:
        return
    for batch in files.to_batches(columns=["ledger_index"]):
        yield from batch.column(0).to_pylist()


def _runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers, up or down, so that a long file needs little memory."""
    first = last = None
    for index in indexes:
        if first is None or last is None:
            first = last = index
        elif first - 1 <= index <= last + 1:
            first, last = min(first, index), max(last, index)
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last

"""The ledgers of one file and their places in the chain, read from the file itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.processors import LedgerLink

__all__ = ["Headers", "breaks", "headers_of", "row_count"]


@dataclass(frozen=True, slots=True)
class Headers:
    """What the records of ledgers in one file say.

    Attributes:
        ledgers: which there are.
        links: their places in the chain: only those with a neighbour in another file.
        transactions: how many transactions they have.
        faults: where the chain is broken within the file, by ledger.
    """

    ledgers: LedgerSet
    links: tuple[LedgerLink, ...]
    transactions: int
    faults: dict[int, str]


def headers_of(source: Any) -> Headers:
    """Read a Parquet file of ledgers: a path, or bytes.

    Raises:
        ConfigError: it is something else.
    """
    import pyarrow
    import pyarrow.parquet

    # A file of an object store comes as bytes: a few columns of a thousand ledgers are small.
    opened = pyarrow.BufferReader(source) if isinstance(source, bytes) else source
    columns = [*LedgerLink._fields, "transaction_count"]
    try:
        table = pyarrow.parquet.read_table(opened, columns=columns)
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file of ledgers cannot be read: {error}") from error
    rows = [table.column(name).to_pylist() for name in LedgerLink._fields]
    links = [LedgerLink(*row) for row in zip(*rows, strict=True)]
    ledgers = LedgerSet.of((link.ledger_index, link.ledger_index) for link in links)
    # Of thousands of ledgers only the ends of each run are kept: what is inside was compared
    # below.
    edges = {index for run in ledgers.ranges for index in run}
    return Headers(
        ledgers,
        tuple(link for link in links if link.ledger_index in edges),
        sum(table.column("transaction_count").to_pylist()),
        dict(breaks(links)),
    )


def row_count(source: Any) -> int:
    """How many rows a Parquet file has."""
    import pyarrow.parquet

    return int(pyarrow.parquet.read_metadata(source).num_rows)


def breaks(links: Iterable[LedgerLink]) -> Iterator[tuple[int, str]]:
    """Where ledgers are there twice, or a parent is not the ledger before: index and fault."""
    ordered = sorted(links)
    for before, link in pairwise(ordered):
        if before.ledger_index == link.ledger_index:
            yield link.ledger_index, f"ledger {link.ledger_index} is there twice"
        # Ledgers with a gap between them cannot contradict each other.
        elif before.ledger_index + 1 == link.ledger_index and (
            before.ledger_hash != link.parent_hash
        ):
            yield (
                link.ledger_index,
                f"ledger {link.ledger_index} has the parent {link.parent_hash}, but ledger "
                f"{before.ledger_index} is {before.ledger_hash}",
            )

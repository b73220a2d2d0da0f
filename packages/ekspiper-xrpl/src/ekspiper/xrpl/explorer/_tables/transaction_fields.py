"""Columns for all fields of a transaction type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.schema import Formats

from . import transactions
from .fields import field_columns
from .table import Blobs, Scan, TransactionTable

__all__ = ["check_type", "with_fields"]

_OMITTED = (
    *(each.name for each in transactions.COLUMNS if each.name not in ("delivered", "flags")),
    "close_time_iso",
    "delivered_amount",
    "ledger_hash",
    "meta",
    "_unrecognized",
)


def check_type(name: str | None, definitions: Definitions) -> None:
    """Raise `ConfigError`, with the nearest names, unless it is a transaction type or None."""
    known = Formats(definitions).transactions
    if name is None or name in known:
        return
    # Whatever was written: the nearest names at least show what names look like.
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
    raise ConfigError(
        f"no transaction type is called {name!r}; the nearest are {', '.join(nearest)}"
    )


def with_fields(name: str | None, definitions: Definitions) -> TransactionTable:
    """The usual columns and those of every field of a type, or of all types."""
    formats = Formats(definitions)
    # Without a type, the columns of all types; those without any value are left out later.
    schema = formats.transaction(name) if name else formats.transactions_table()
    more = field_columns(schema.fields, skip=_OMITTED)
    table = transactions.of_type(name, definitions)

    def rows(transaction: Transaction) -> Iterable[Sequence[Any]]:
        usual = list(table.rows(transaction))
        cells = [each.cell(transaction.fields) for each in more] if usual else []
        return [(*row, *cells) for row in usual]

    columns = (*table.columns, *(each.column for each in more))
    scan = None if name is None else _scan(definitions.transaction_types[name])
    return TransactionTable(columns, rows, table.nodes, scan)


def _scan(code: int) -> Scan:
    """Passes over transactions of other types."""

    def scan(reader: Any, _: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
        found: int = reader.of_type(blobs, first, code, False)
        return found

    return scan

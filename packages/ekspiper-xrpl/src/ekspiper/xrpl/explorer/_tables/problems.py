"""Rows for transactions that a table cannot read. They say why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.derive import MALFORMED, error_text
from ekspiper.xrpl.ledger import Transaction

from .column import Column
from .table import Rows
from .transactions import place

__all__ = ["PROBLEM", "guarded"]

PROBLEM = Column("problem", "string")
"""Why cells of a row are empty that others have; missing where nothing is wrong."""


def guarded(columns: Sequence[Column], rows: Rows) -> tuple[tuple[Column, ...], Rows]:
    """The same table with a last column `problem`.

    A transaction that cannot be read gets one row with its place and the reason. So it does not end
    the table, and nobody takes the table for complete.
    """
    blank = (None,) * (len(columns) - len(_PLACE))

    def with_problems(transaction: Transaction) -> Iterable[Sequence[Any]]:
        try:
            # Such a row is there with what could be read, so the reason stands beside it.
            problem = None if "TransactionResult" in transaction.meta else _NO_RESULT
            return [(*row, problem) for row in rows(transaction)]
        except (EkspiperError, *MALFORMED) as error:
            return [(*place(transaction), *blank, error_text(error))]

    assert tuple(column.name for column in columns[: len(_PLACE)]) == _PLACE, columns
    return (*columns, PROBLEM), with_problems


_NO_RESULT = "the metadata could not be read to its end: it has no TransactionResult"
_PLACE = ("ledger_index", "TransactionIndex", "close_time", "hash")

"""The rows of a table while ledgers are read: by the compiled codec where it can, otherwise in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from ekspiper.xrpl.codec import Definitions, table_reader
from ekspiper.xrpl.derive import DELIVERING, LIQUIDITY, POOL_FLAGS, transaction_flags
from ekspiper.xrpl.ledger import Ledger, Transaction

from ._assets import currency_cells
from ._frame import Frame, frame_of_cells, make_frame
from ._tables import CELL_KINDS, TransactionTable, guarded

__all__ = ["TableRows", "reader_for"]


class TableRows:
    """Takes ledgers, and gives the table of their transactions.

    The compiled codec writes rows into columns, or passes over transactions that have none. What it
    declines goes through the functions in Python, which are also the reference.

    Args:
        table: what it holds.
        definitions: what the ledgers are decoded by.
    """

    def __init__(self, table: TransactionTable, definitions: Definitions) -> None:
        self._columns, self._rows = guarded(table.columns, table.rows)
        self._table = table
        self._definitions = definitions
        self._reader = reader_for(definitions) if table.scan else None
        self._listed: list[Sequence[Any]] = []
        self._cells = None
        kinds = [CELL_KINDS.get(column.dtype) for column in self._columns]
        # Columns of texts are made by Arrow, which an explorer without a cache may lack.
        if self._reader is not None and None not in kinds and find_spec("pyarrow"):
            self._cells = self._reader.columns(kinds)

    def __len__(self) -> int:
        return len(self._listed if self._cells is None else self._cells)

    def add(self, ledger: Ledger) -> None:
        """The rows of the next ledger."""
        for each in self._left(ledger):
            rows = self._rows(each)
            if self._cells is None:
                self._listed.extend(rows)
            else:
                for row in rows:
                    self._cells.add(row)

    def frame(self) -> Frame:
        """The table. Nothing is left here then."""
        if self._cells is None:
            return make_frame(self._columns, self._listed)
        return frame_of_cells(self._columns, len(self._cells), self._cells.take())

    def _left(self, ledger: Ledger) -> Iterator[Transaction]:
        """The transactions whose rows are made in Python; those before each of them are done."""
        nodes, scan, blobs = self._table.nodes, self._table.scan, ledger.blobs
        if (
            scan is None
            or self._reader is None
            or blobs is None
            or ledger.definitions is not self._definitions
        ):
            yield from ledger.showing(nodes)
            return
        parts = (blobs.data, blobs.spans, blobs.ids)
        place, count = 0, len(blobs)
        while (place := scan(self._reader, self._cells, ledger, parts, place)) < count:
            yield ledger.transaction(place, nodes)
            place += 1


def reader_for(definitions: Definitions) -> Any:
    """The compiled codec for tables; None where it is not there. One for each table: it keeps names."""
    return table_reader(
        definitions,
        delivering=DELIVERING,
        liquidity=LIQUIDITY,
        currency=lambda code: currency_cells({"currency": code})[0],
        flags=lambda type_, flags: " ".join(
            transaction_flags(type_, flags, definitions=definitions)
        ),
        line_flag=POOL_FLAGS["RippleState"],
        token_flag=POOL_FLAGS["MPToken"],
    )

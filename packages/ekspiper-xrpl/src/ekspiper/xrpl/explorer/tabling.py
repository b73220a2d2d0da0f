"""Makes a table from ledgers while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from ekspiper.xrpl.ledger import Ledger

from .errors import TooManyRows
from .frame import Frame, make_frame
from .session import Session
from .tables.column import Column
from .wanted import Wanted

__all__ = ["collect_rows", "make_table"]

LedgerRows = Callable[[Ledger], Iterable[Sequence[Any]]]


async def make_table(
    session: Session,
    wanted: Wanted,
    columns: Sequence[Column],
    rows: LedgerRows,
    *,
    max_rows: int,
) -> Frame:
    """The table of the rows that each ledger gives.

    `attrs` says which ledgers it was made from: `first_ledger`, `last_ledger`.

    Raises:
        TooManyRows: there are more than `max_rows`.
    """
    async with session.call() as reader:
        first, last = await reader.resolve(wanted)
        listed: list[Sequence[Any]] = []
        async with aclosing(reader.shown(first, last)) as ledgers:
            async for ledger in ledgers:
                collect_rows(listed, rows(ledger), ledger, max_rows=max_rows)
    frame = make_frame(columns, listed)
    frame.attrs |= {"first_ledger": first, "last_ledger": last}
    return frame


def collect_rows(
    listed: list[Sequence[Any]], rows: Iterable[Sequence[Any]], ledger: Ledger, *, max_rows: int
) -> None:
    """Add a ledger's rows, or raise `TooManyRows`."""
    listed.extend(rows)
    if len(listed) > max_rows:
        raise TooManyRows(
            f"the table has more than {max_rows:,} rows at ledger {ledger.ledger_index}: ask for "
            "fewer ledgers, allow more with Explorer(max_rows=...), or write files with "
            "`ekspiper backfill`"
        )

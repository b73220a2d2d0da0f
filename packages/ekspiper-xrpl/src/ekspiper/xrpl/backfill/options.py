"""How past ledgers are fetched: the options that a backfill has whatever it writes to."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["BackfillOptions"]


class BackfillOptions(TypedDict, total=False):
    """Keyword arguments of `Backfill` and `RangeDelivery`.

    Attributes:
        backwards: from the last ledger to the first.
        verify: prove every ledger.
        books: record the order books as well; one request for each side of each book touched.
        concurrency: ledgers asked for at once.
    """

    backwards: bool
    verify: bool
    books: bool
    concurrency: int

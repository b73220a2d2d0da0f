"""Records of proven ledgers, as the source of a user's own pipeline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

from ekspiper.core import Source
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import TransactionEtl, ledger_record

__all__ = ["ExplorerSource", "Of"]

Of: TypeAlias = Literal["transactions", "ledgers"]
"""What a source yields: records of transactions, or of ledgers."""

Open: TypeAlias = Callable[[int | None], AsyncGenerator[Ledger]]
"""Opens the ledgers of the source, from the given one on; from the first for None."""


class ExplorerSource(Source[dict[str, Any]]):
    """Records of proven ledgers, in order; made by `Explorer.source`.

    Its position is the last ledger, and for transactions the place in it.

    Args:
        ledgers: opens the ledgers.
        of: what of them.
        name: shown in drawings.
        identity: which network and which ledgers.
    """

    def __init__(self, ledgers: Open, *, of: Of, name: str, identity: str) -> None:
        self.name = name
        self._ledgers = ledgers
        self._of = of
        self._identity = identity
        self._position: list[int] | None = None
        self._after: list[int] | None = None

    @property
    def position(self) -> list[int] | None:
        """Ledger index and place in it; for ledgers the place is always 0."""
        return self._position

    @property
    def identity(self) -> str:
        """The network, and what was asked for."""
        return self._identity

    async def resume(self, position: Any) -> None:
        """Continue after that place."""
        self._after = [int(each) for each in position]

    def __aiter__(self) -> AsyncGenerator[dict[str, Any]]:
        """The records."""
        return self._records()

    async def _records(self) -> AsyncGenerator[dict[str, Any]]:
        etl = TransactionEtl()
        after = self._after
        async with aclosing(self._ledgers(after[0] if after else None)) as ledgers:
            async for ledger in ledgers:
                for place, record in _records_of(ledger, self._of, etl):
                    # A run may have stopped in the middle of a ledger, which is read again from its
                    # beginning.
                    if after is not None and [ledger.ledger_index, place] <= after:
                        continue
                    self._position = [ledger.ledger_index, place]
                    yield record


def _records_of(ledger: Ledger, of: Of, etl: TransactionEtl) -> Any:
    if of == "ledgers":
        return [(0, ledger_record(ledger))]
    return ((each.index, etl.record(each)) for each in ledger.transactions)

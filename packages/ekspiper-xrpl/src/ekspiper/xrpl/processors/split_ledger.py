"""Hands on the transactions of a ledger."""

from __future__ import annotations

from ekspiper.core import Processor
from ekspiper.xrpl.ledger import Ledger, Transaction

__all__ = ["SplitLedger"]


class SplitLedger(Processor[Ledger, Transaction]):
    """Ledger -> its transactions, in the order of `TransactionIndex`."""

    async def process(self, item: Ledger) -> tuple[Transaction, ...]:
        """The transactions of one ledger; none for an empty one."""
        return item.transactions

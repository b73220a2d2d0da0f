"""Takes a ledger apart: the record of its header, and its transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import Block, Processor
from ekspiper.xrpl.ledger import Ledger, Transaction

__all__ = ["LedgerHeaderRecord", "LedgerTransactions", "SplitLedger", "ledger_record"]


class LedgerHeaderRecord(Processor[Ledger, dict[str, Any]]):
    """Ledger -> its record: the fields of its header, its hashes, and how much it holds."""

    async def process(self, item: Ledger) -> tuple[dict[str, Any]]:
        """The record of one ledger, an empty one included."""
        return (ledger_record(item),)


def ledger_record(ledger: Ledger) -> dict[str, Any]:
    """The record of a ledger. Times are seconds of the ledger's epoch, `total_coins` is drops.

    `signed_by` is the ledger whose validators' signatures prove this one: itself, or a later one.
    Where only hashes were checked, the record has no such member.
    """
    header = ledger.header
    signed = {} if ledger.signed_by is None else {"signed_by": ledger.signed_by}
    return {
        "ledger_index": ledger.ledger_index,
        "ledger_hash": ledger.ledger_hash,
        "parent_hash": ledger.parent_hash,
        "transaction_hash": header.transaction_hash.hex().upper(),
        "account_hash": header.account_hash.hex().upper(),
        # Text, as drops are everywhere: they may be more than a float holds exactly.
        "total_coins": str(header.total_coins),
        "close_time": header.close_time,
        "parent_close_time": header.parent_close_time,
        "close_time_resolution": header.close_time_resolution,
        "close_flags": header.close_flags,
        "close_time_iso": ledger.close_time_iso,
        "transaction_count": ledger.transaction_count,
        **signed,
    }


class LedgerTransactions(Block):
    """The transactions of a ledger, which travel as one."""

    __slots__ = ("ledger",)

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.transaction_count, ledger.size)
        self.ledger = ledger

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self.ledger.transactions)

    def to_json(self) -> dict[str, Any]:
        """What names the ledger in a dead letter."""
        return {"ledger_index": self.ledger.ledger_index, "ledger_hash": self.ledger.ledger_hash}


class SplitLedger(Processor[Ledger, Transaction]):
    """Ledger -> its transactions, in the order of `TransactionIndex`."""

    takes_blocks = False

    async def process(self, item: Ledger) -> tuple[Transaction, ...]:
        """The transactions of one ledger; none for an empty one."""
        return item.transactions

    def to_block(self, item: Ledger) -> LedgerTransactions:
        """The same transactions as one item, for those who take them so."""
        return LedgerTransactions(item)

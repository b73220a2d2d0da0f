"""Attributes that records have."""

from __future__ import annotations

from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.processors import CollectAttributes, TransactionEtl


async def test_attributes_are_counted_with_an_example(
    recorded_transactions: list[Transaction],
) -> None:
    etl, collect = TransactionEtl(), CollectAttributes()
    for transaction in recorded_transactions:
        record = etl.record(transaction)
        assert await collect.process(record) == (record,)
    rows = {(row.object, row.path, row.type): row for row in collect.rows()}
    assert list(rows) == sorted(rows)
    assert rows["Payment", "Destination", "text"].count == 2704
    assert rows["Payment", "Destination", "text"].ledger_index == 3
    assert rows["Payment", "Amount", "XRP amount"].count > 0
    assert rows["Payment", "Amount", "issued amount"].count > 0
    assert rows["Payment", "Paths[].steps[].account", "text"].count == 159
    assert rows["AMM", "VoteSlots[].VoteEntry.VoteWeight", "integer"].count > 0
    assert rows["meta", "TransactionResult", "text"].count == 7829
    first = rows["SignerListSet", "SignerQuorum", "integer"]
    assert (first.count, len(first.hash)) == (1, 64)

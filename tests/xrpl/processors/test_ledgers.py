"""A ledger becomes its transactions and its own record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import LedgerHeaderRecord, SplitLedger


async def test_a_ledger_is_split_in_the_order_of_its_transactions(
    recorded_ledgers: list[Ledger],
) -> None:
    for ledger in recorded_ledgers:
        transactions = list(await SplitLedger().process(ledger))
        assert [one.meta["TransactionIndex"] for one in transactions] == list(
            range(len(transactions))
        )


async def test_a_ledger_record_says_what_the_server_says(
    recorded_ledgers: list[Ledger], recorded_lines: Callable[[str], Any]
) -> None:
    lines = recorded_lines("ledger_v2.jsonl.gz")
    for ledger, line in zip(recorded_ledgers, lines, strict=True):
        (record,) = await LedgerHeaderRecord().process(ledger)
        printed = line["response"]["result"]["ledger"]
        assert record.pop("transaction_count") == len(printed["transactions"])
        assert record == {name: printed[name] for name in record}


async def test_an_empty_ledger_has_a_record_and_no_transactions(
    recorded_ledgers: list[Ledger],
) -> None:
    full = recorded_ledgers[0]
    empty = Ledger(full.header, ledger_hash=full.ledger_hash, transactions=[])
    assert list(await SplitLedger().process(empty)) == []
    (record,) = await LedgerHeaderRecord().process(empty)
    assert record["transaction_count"] == 0

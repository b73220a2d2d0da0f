"""Ledgers and transactions as values: ordered, lazily decoded, and not kept alive by each other."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.codec import Decoder, NodeFilter
from ekspiper.xrpl.ledger import Ledger, LedgerInfo, Transaction
from ekspiper.xrpl.verify import parse_ledger

pytestmark = pytest.mark.usefixtures("either_codec")

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "ledgers" / "242.json").read_text())


class CountingDecoder(Decoder):
    """Counts what it decodes."""

    decoded = 0

    def transaction(self, blob: bytes) -> dict[str, Any]:
        self.decoded += 1
        return super().transaction(blob)

    def metadata(self, blob: bytes, nodes: NodeFilter | None = None) -> dict[str, Any]:
        self.decoded += 1
        return super().metadata(blob, nodes)


def ledger(decoder: Decoder | None = None) -> Ledger:
    return parse_ledger(RECORDED["binary"], network_id=7, decoder=decoder)


def test_what_a_ledger_says_of_itself() -> None:
    found, printed = ledger(), RECORDED["json"]["ledger"]
    assert found.ledger_index == 242
    assert found.ledger_hash == printed["ledger_hash"]
    assert found.parent_hash == printed["parent_hash"]
    assert found.close_time_iso == printed["close_time_iso"]
    assert found.network_id == 7
    assert found.size == sum(
        len(row["tx_blob"] + row["meta_blob"]) // 2
        for row in RECORDED["binary"]["ledger"]["transactions"]
    )
    assert repr(found).startswith("Ledger(ledger_index=242, ledger_hash='")


def test_transactions_come_in_the_order_of_their_index() -> None:
    answered = [row["hash"] for row in RECORDED["binary"]["ledger"]["transactions"]]
    found = ledger().transactions
    assert answered == sorted(answered)
    assert [each.index for each in found] == [0, 1, 2]
    assert [each.index for each in found] == [each.meta["TransactionIndex"] for each in found]
    assert {each.hash for each in found} == set(answered)
    assert [each.hash for each in found] != answered


def test_blobs_are_decoded_once_and_only_when_read() -> None:
    decoder = CountingDecoder(shape="record")
    first = ledger(decoder).transactions[0]
    assert decoder.decoded == 0
    assert first.fields is first.fields
    assert first.meta is first.meta
    assert decoder.decoded == 2


def test_records_have_one_shape_of_amount() -> None:
    for each in ledger().transactions:
        assert each.fields["Fee"].keys() == {"currency", "issuer", "value"}


def test_a_transaction_knows_its_ledger_and_does_not_keep_the_others() -> None:
    gc.disable()
    try:
        whole = ledger()
        first, second = whole.transactions[0], TrackedTransaction.like(whole.transactions[1])
        found = Ledger(
            whole.header, ledger_hash=whole.ledger_hash, transactions=(first, second), network_id=7
        )
        gone = weakref.ref(second)
        del whole, found, second
        assert gone() is None
    finally:
        gc.enable()
    assert type(first.ledger) is LedgerInfo
    assert first.ledger.ledger_index == 242
    assert first.ledger.network_id == 7


class TrackedTransaction(Transaction):
    """A transaction that may be referred to weakly."""

    __slots__ = ("__weakref__",)

    @classmethod
    def like(cls, other: Transaction) -> TrackedTransaction:
        return cls(
            tx_blob=other.tx_blob,
            meta_blob=other.meta_blob,
            hash=other.hash,
            index=other.index,
            ledger=other.ledger,
            decoder=Decoder(),
        )


def test_transactions_are_made_when_they_are_asked_for() -> None:
    found = ledger()
    assert found.transaction_count == 3
    assert found.size == sum(one.size for one in found.transactions)
    assert found.transactions is found.transactions
    assert {each.ledger.ledger_hash for each in found.transactions} == {found.ledger_hash}

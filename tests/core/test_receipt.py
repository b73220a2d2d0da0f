"""Receipts: any tree of forks settles once, the worst status wins, a lost one is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import ReceiptError, Receipts, Status

statuses = st.sampled_from(list(Status))


@given(st.lists(st.lists(statuses, min_size=1, max_size=6), max_size=20), st.randoms())
def test_an_item_settles_when_its_last_part_does(items: list[list[Status]], random: object) -> None:
    receipts = Receipts()
    parts = []
    for number, ends in enumerate(items):
        receipt = receipts.issue(number)
        receipt.fork(len(ends) - 1)
        parts += [(receipt, status) for status in ends]
        assert receipts.open == number + 1
    random.shuffle(parts)  # type: ignore[attr-defined]
    left = {number: len(ends) for number, ends in enumerate(items)}
    for receipt, status in parts:
        receipt.settle(status)
        left[receipt.position] -= 1
        assert receipts.open == sum(1 for count in left.values() if count)
    receipts.check()
    worst = [max(ends) for ends in items]
    assert receipts.counts == [worst.count(status) for status in Status]
    kept = [number for number, status in enumerate(worst) if status < Status.DROPPED]
    mark = next((n for n in range(len(items)) if n not in kept), len(items)) - 1
    assert receipts.watermark.mark == mark


def test_a_receipt_that_is_lost_is_an_error() -> None:
    receipts = Receipts()
    receipts.issue("ledger 7")
    receipts.issue("ledger 8").settle()
    with pytest.raises(ReceiptError, match="1 item read and never settled"):
        receipts.check()


def test_a_receipt_that_is_settled_twice_is_an_error() -> None:
    receipts = Receipts()
    receipt = receipts.issue(7)
    receipt.settle()
    receipt.settle()
    with pytest.raises(ReceiptError, match="the item at 7 was settled more than once"):
        receipts.check()
    assert receipts.counts == [1, 0, 0]


def test_the_time_from_reading_to_settling_is_told() -> None:
    seen: list[float] = []
    receipts = Receipts(watch=seen.append)
    receipts.issue(1).settle()
    assert len(seen) == 1
    assert seen[0] >= 0

"""Batches hold their bounds, and every item is in exactly one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import BatchPolicy, ConfigError, Receipts
from ekspiper.core._runner.deliverer import Batch


@given(sizes=st.lists(st.integers(0, 50)), count=st.integers(1, 7), limit=st.integers(1, 100))
def test_bounds_hold_and_nothing_is_lost(sizes: list[int], count: int, limit: int) -> None:
    batch = Batch(BatchPolicy(count=count, bytes=limit))
    receipts = Receipts()
    batches = []
    for number, size in enumerate(sizes):
        parcel = (number, receipts.issue(number), size)
        if not batch.fits(parcel):
            batches.append(batch.take())
        trigger = batch.add(parcel, now=float(number))
        full = len(batch.parcels) >= count or batch.bytes >= limit
        assert (trigger is not None) == full
        if trigger is not None:
            assert trigger == ("count" if len(batch.parcels) >= count else "bytes")
            batches.append(batch.take())
    batches.append(batch.take())
    assert [parcel[0] for each in batches for parcel in each] == list(range(len(sizes)))
    for each in batches:
        assert len(each) <= count
        assert sum(parcel[2] for parcel in each) <= limit or len(each) == 1
    assert batch.bytes == 0


def test_the_deadline_is_that_of_the_oldest() -> None:
    batch = Batch(BatchPolicy(period=2.0))
    receipts = Receipts()
    batch.add((1, receipts.issue(1), 1), now=10.0)
    batch.add((2, receipts.issue(2), 1), now=11.0)
    assert batch.deadline == 12.0


@pytest.mark.parametrize("options", [{"count": 0}, {"bytes": 0}, {"period": -1.0}])
def test_bounds_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"batch {next(iter(options))} must"):
        BatchPolicy(**options)  # type: ignore[arg-type]

"""What a backfill would cost, before it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..client.ledger_set import LedgerSet
from ..client.pool import NodePool
from ..processors.fetch_ledger import FetchLedger
from ..sources.ledger_ref import LedgerRef

__all__ = ["Estimate", "estimate"]

_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is missing, and what it takes to get it.

    Attributes:
        wanted: the ledgers that were asked for.
        missing: those that the folder does not have.
        requests: how many requests that takes, without order books.
        bytes: how many bytes of transactions and metadata, from the mean of `samples` ledgers.
        samples: how many ledgers were looked at.
    """

    wanted: LedgerSet
    missing: LedgerSet
    requests: int
    bytes: int
    samples: int


async def estimate(pool: NodePool, wanted: LedgerSet, missing: LedgerSet) -> Estimate:
    """Fetch a few of the missing ledgers, evenly spread, and conclude from their size."""
    fetch = FetchLedger(pool)
    sizes = [(await fetch.fetch(LedgerRef(index))).size for index in _spread(list(missing))]
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return Estimate(wanted, missing, len(missing), round(mean * len(missing)), len(sizes))


def _spread(indexes: Sequence[int]) -> list[int]:
    count = min(_SAMPLES, len(indexes))
    return [indexes[place * (len(indexes) - 1) // max(1, count - 1)] for place in range(count)]

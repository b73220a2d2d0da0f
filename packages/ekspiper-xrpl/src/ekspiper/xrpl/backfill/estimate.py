"""What a backfill would cost, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRef

__all__ = ["Estimate", "estimate"]

# Ledgers grow over the years, so a few are spread over the whole range. More would cost a public
# server more than the estimate is worth.
_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is missing, and what it takes to get it.

    Attributes:
        wanted: the ledgers that were asked for.
        missing: those that the folder does not have.
        absent: those of them that no node has.
        requests: how many requests that takes, without order books.
        bytes: how many bytes of transactions and metadata, from the mean of `samples` ledgers.
        samples: how many ledgers were looked at.
    """

    wanted: LedgerSet
    missing: LedgerSet
    absent: LedgerSet
    requests: int
    bytes: int
    samples: int


async def estimate(pool: NodePool, wanted: LedgerSet, missing: LedgerSet) -> Estimate:
    """Fetch a few of the missing ledgers, evenly spread, and conclude from their size."""
    # What nodes hold is asked for now: what they said when they connected may be minutes old.
    await pool.refresh()
    absent = missing.without(pool.ledgers)
    there = missing.without(absent)
    fetch = FetchLedger(pool)
    sizes = [(await fetch.fetch(LedgerRef(there.at(place)))).size for place in _spread(len(there))]
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return Estimate(wanted, missing, absent, len(there), round(mean * len(there)), len(sizes))


def _spread(count: int) -> list[int]:
    """A few of this many places, the first and the last among them."""
    samples = min(_SAMPLES, count)
    return [sample * (count - 1) // max(1, samples - 1) for sample in range(samples)]

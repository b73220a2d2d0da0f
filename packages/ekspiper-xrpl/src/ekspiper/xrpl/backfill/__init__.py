"""Ranges of past ledgers: into a folder that may have part of them already, or to collectors."""

from .backfill import Backfill as Backfill
from .backfill import BackfillReport as BackfillReport
from .estimate import Estimate as Estimate
from .estimate import estimate as estimate
from .options import BackfillOptions as BackfillOptions
from .range_delivery import RangeDelivery as RangeDelivery
from .range_delivery import RangeReport as RangeReport
from .range_delivery import lane_of as lane_of

__all__ = [
    "Backfill",
    "BackfillOptions",
    "BackfillReport",
    "Estimate",
    "RangeDelivery",
    "RangeReport",
    "estimate",
    "lane_of",
]

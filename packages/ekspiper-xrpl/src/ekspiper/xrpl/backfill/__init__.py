"""Ranges of past ledgers into a folder that may have part of them already."""

from .backfill import Backfill as Backfill
from .backfill import BackfillReport as BackfillReport
from .estimate import Estimate as Estimate
from .estimate import estimate as estimate

__all__ = ["Backfill", "BackfillReport", "Estimate", "estimate"]

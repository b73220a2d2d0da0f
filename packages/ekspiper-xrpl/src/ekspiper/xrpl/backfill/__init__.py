"""Ranges of past ledgers into a folder that may have part of them already."""

from ..coverage import covered as covered
from .backfill import Backfill as Backfill
from .backfill import BackfillReport as BackfillReport
from .estimate import Estimate as Estimate
from .estimate import estimate as estimate

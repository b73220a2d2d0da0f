"""Parquet datasets: partitioned by ledger, exactly once, readable at any time."""

from .collector import Parquet as Parquet
from .reading import read_records as read_records

__all__ = ["Parquet", "read_records"]

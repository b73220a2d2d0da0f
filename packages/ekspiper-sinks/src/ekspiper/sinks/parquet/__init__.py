"""Parquet datasets: written exactly once, readable while they are written."""

from .parquet import Parquet as Parquet
from .records import read_records as read_records

__all__ = ["Parquet", "read_records"]

"""Parquet datasets: written exactly once, readable while they are written."""

from .one_file import OneFile as OneFile
from .parquet import Parquet as Parquet
from .records import read_records as read_records

__all__ = ["OneFile", "Parquet", "read_records"]

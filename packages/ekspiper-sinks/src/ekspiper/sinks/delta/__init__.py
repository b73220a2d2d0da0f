"""Delta Lake tables, exactly once. Needs `ekspiper-sinks[delta]`."""

from .delta import Delta as Delta
from .records import read_records as read_records

__all__ = ["Delta", "read_records"]

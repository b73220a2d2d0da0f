"""Apache Iceberg tables, exactly once. Needs `ekspiper-sinks[iceberg]`."""

from .iceberg import Iceberg as Iceberg
from .maintenance import compact as compact
from .maintenance import expire as expire
from .records import read_records as read_records

__all__ = ["Iceberg", "compact", "expire", "read_records"]

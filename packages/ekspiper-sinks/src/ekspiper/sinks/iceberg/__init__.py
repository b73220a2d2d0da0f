"""Apache Iceberg tables, exactly once. Needs `ekspiper-sinks[iceberg]`."""

from .chunk_tables import ChunkTables as ChunkTables
from .chunk_tables import chunk_file as chunk_file
from .iceberg import Iceberg as Iceberg
from .maintenance import compact as compact
from .maintenance import expire as expire
from .records import read_records as read_records

__all__ = ["ChunkTables", "Iceberg", "chunk_file", "compact", "expire", "read_records"]

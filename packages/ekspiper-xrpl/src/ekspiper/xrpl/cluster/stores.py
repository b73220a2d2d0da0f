"""The store of a backfill by chunks: a folder, or a place of an object store."""

from __future__ import annotations

from pathlib import Path

from ekspiper.core.chunks import ChunkStore, FolderStore, ObjectStore
from ekspiper.xrpl.output_folder import OutputFolder

__all__ = ["PARTITION", "open_store", "url_of"]

PARTITION = 100_000
"""Ledgers, as in the datasets of the collector `parquet`."""

_TABLES = (
    "dead_letters.jsonl",
    "book_offers.parquet",
    "amms.parquet",
    "transactions.parquet",
    "ledgers.parquet",
)
"""The last one is the commit: a ledger is there when its record is."""


def url_of(text: str) -> str | None:
    """The text, if it is the URL of a place in an object store; None for a folder."""
    scheme, separator, _ = text.partition("://")
    return text if separator and scheme.isalnum() else None


def open_store(place: str | Path) -> ChunkStore:
    """The store at a folder, or at the URL of a place in an object store.

    Raises:
        ConfigError: no object store has such a URL; or the folder belongs to another command, or holds files of another program.
    """
    url = url_of(str(place)) if isinstance(place, str) else None
    if url is not None:
        return ObjectStore(url, _TABLES, partition=PARTITION, unit="ledgers")
    folder = OutputFolder(Path(place), command="backfill --workers", format="parquet")
    folder.claim()
    return FolderStore(folder.path, _TABLES, partition=PARTITION, unit="ledgers")

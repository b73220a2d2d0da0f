"""The store of a backfill by chunks: a folder, or a place of an object store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekspiper.core.chunks import ChunkStore, FolderStore, ObjectStore
from ekspiper.xrpl.attestation import ARCHIVE_NAME, HEADERS_NAME
from ekspiper.xrpl.output_folder import OutputFolder

__all__ = ["PARTITION", "open_store", "proofs_beside", "url_of"]

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


@contextmanager
def proofs_beside(store: ChunkStore) -> Iterator[Path]:
    """A local folder with the proofs that stand beside the records; what is added stays there.

    Call it when the store is locked.
    """
    if isinstance(store, FolderStore):
        yield store.path
        return
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as name:
        folder = Path(name)
        before = {file: store.read(file) for file in (ARCHIVE_NAME, HEADERS_NAME)}
        for file, content in before.items():
            if content is not None:
                (folder / file).write_bytes(content)
        try:
            yield folder
        finally:
            for file, content in before.items():
                path = folder / file
                if path.exists() and path.read_bytes() != content:
                    store.write(file, path.read_bytes())

"""The store of a backfill by chunks: a folder, or a place of an object store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekspiper.core import ConfigError, registry
from ekspiper.core.bucket import Bucket
from ekspiper.core.chunks import ChunkStore, FolderStore, ObjectStore
from ekspiper.xrpl.attestation import ARCHIVE_NAME, HEADERS_NAME
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.output_folder import DEFINITIONS, OutputFolder

__all__ = [
    "ABOUT",
    "PARTITION",
    "SUBTREE",
    "format_of",
    "keep_definitions",
    "kept_in",
    "open_state_store",
    "open_store",
    "proofs_beside",
    "stored_at",
    "url_of",
]

ABOUT = ".chunks/about.json"
"""What the records of a store are of, which each run must want as well."""

PARTITION = 100_000
"""Ledgers, as in the datasets of the collector `parquet`."""

# The last one is the commit: a ledger is there when its record is.
_TABLES = (
    "dead_letters.jsonl",
    "book_offers.parquet",
    "amms.parquet",
    "transactions.parquet",
    "ledgers.parquet",
)


SUBTREE = ".subtree.json"
"""Of a part of a state: what its objects hash to. Readers of records skip its folder."""

_STATE_TABLES = ("objects.parquet", SUBTREE)
_MOST_PARTS = 4096


def url_of(text: str) -> str | None:
    """The text, if it is the URL of a place in an object store; None for a folder."""
    scheme, separator, _ = text.partition("://")
    return text if separator and scheme.isalnum() else None


def open_store(place: str | Path, *, format: str = "parquet") -> ChunkStore:
    """The store at a folder, or at the URL of a place in an object store.

    Args:
        format: `parquet`; or, for a folder, `iceberg`: the folder is the warehouse then.

    Raises:
        ConfigError: no object store has such a URL; or the folder belongs to another command, or holds files of another program.
    """
    url = url_of(str(place)) if isinstance(place, str) else None
    if url is not None:
        if format != "parquet":
            raise ConfigError(f"an object store takes Parquet; {format} goes to a folder")
        return ObjectStore(url, _TABLES, partition=PARTITION, unit="ledgers")
    folder = OutputFolder(Path(place), command="backfill --workers", format=format)
    folder.claim()
    if format == "iceberg":
        tables = registry.load("collectors", "iceberg").chunk_store
        made: ChunkStore = tables(folder.path, _TABLES, partition=PARTITION, unit="ledgers")
        return made
    return FolderStore(folder.path, _TABLES, partition=PARTITION, unit="ledgers")


def open_state_store(place: str | Path) -> ChunkStore:
    """The store of a snapshot by workers: a folder, or the URL of a place in an object store.

    Raises:
        ConfigError: another command, or another program, has written there.
    """
    url = url_of(str(place)) if isinstance(place, str) else None
    if url is None:
        folder = OutputFolder(
            Path(place), command="snapshot --workers", format="parquet", tables=("objects",)
        )
        folder.claim()
        return FolderStore(folder.path, _STATE_TABLES, partition=_MOST_PARTS, unit="parts")
    store = ObjectStore(url, _STATE_TABLES, partition=_MOST_PARTS, unit="parts")
    # An object store has no owner's mark as folders have, so what lies there is looked at.
    if store.read(ABOUT) is None:
        bucket = Bucket(url)
        others = [*bucket.sizes(".checkpoint"), *bucket.sizes("objects")]
        if others:
            raise ConfigError(
                f"{store.address} holds {others[0]}, which `ekspiper snapshot --workers` did not "
                "write; choose another place with --out URL"
            )
    return store


def keep_definitions(store: ChunkStore, definitions: Definitions) -> None:
    """Keep what the nodes say of the network's fields, so that an audit needs no node."""
    # Those that come with us are there anyway.
    if definitions is not Definitions.bundled():
        store.write(DEFINITIONS.as_posix(), json.dumps(definitions.to_json()).encode())


def format_of(store: ChunkStore) -> str:
    """The collector whose files workers write for a store."""
    return "parquet" if isinstance(store, FolderStore | ObjectStore) else "iceberg"


def stored_at(place: str | Path) -> ChunkStore:
    """The store that is there, to be read: nothing is made or claimed."""
    if isinstance(place, str):
        return ObjectStore(place, _TABLES, partition=PARTITION, unit="ledgers")
    return FolderStore(place, _TABLES, partition=PARTITION, unit="ledgers")


def kept_in(store: ChunkStore) -> Definitions:
    """What the nodes of a store's network said of its fields, or what comes with us."""
    content = store.read(DEFINITIONS.as_posix())
    if content is None:
        return Definitions.bundled()
    return Definitions.from_server(json.loads(content))


@contextmanager
def proofs_beside(store: ChunkStore) -> Iterator[Path]:
    """A local folder with the proofs that stand beside the records; what is added stays there.

    Call it when the store is locked.
    """
    if not isinstance(store, ObjectStore):
        yield Path(store.address)
        return
    # The archive of proofs is a file that grows, which object stores do not have.
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

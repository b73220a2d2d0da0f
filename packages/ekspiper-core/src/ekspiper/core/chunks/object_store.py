"""A store of chunks in an object store: Amazon S3 and what speaks like it, Google's, Azure's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..bucket import LEASE, Bucket, BucketLock
from ..errors import Retryable
from .chunk_store import HIDDEN, ChunkStore

__all__ = ["ObjectStore"]


class ObjectStore(ChunkStore):
    """Chunks as objects below a URL. Every object is put whole, so readers see whole files.

    Credentials come from the usual places, see `Bucket`. They are never part of the store: each
    worker finds its own.

    Requests that fail are sent again, for up to three minutes. What publishes holds a lock, an
    object that is put only where none is, and renews it; each renewal, too, is conditional. After
    a crash, the next one on another machine waits until the lock has not been renewed for 30
    seconds.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        tables: as in `ChunkStore`, like the rest.
        lease: seconds for which the lock holds without being renewed.
    """

    def __init__(
        self,
        url: str,
        tables: Sequence[str],
        *,
        partition: int = 100_000,
        unit: str = "items",
        lease: float = LEASE,
    ) -> None:
        super().__init__(tables, partition=partition, unit=unit)
        self._bucket = Bucket(url)
        self._lease = lease
        self._held: BucketLock | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The lock stays here.
        return {**self.__dict__, "_held": None}

    @property
    def address(self) -> str:
        """The URL."""
        return self._bucket.url

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock it, and renew the lock; waits for one that a crash may have left."""
        lock = BucketLock(self._bucket, f"{HIDDEN}/lock", lease=self._lease)
        lock.acquire()
        self._held = lock
        try:
            yield
        finally:
            self._held = None
            lock.release()

    def read(self, name: str) -> bytes | None:
        """The bytes of an object."""
        return self._bucket.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Put a small object."""
        self._refuse_unlocked()
        self._bucket.put(name, content)

    def _names(self, folder: str) -> list[str]:
        return list(self._bucket.sizes(folder))

    def _move(self, source: str, target: str) -> None:
        # The copy is the server's work; what is staged is removed with the rest of the chunk.
        self._refuse_unlocked()
        if not self._bucket.copy(source, target):
            raise Retryable(f"{self.address}: {source} is gone; run it again")

    def _remove(self, names: Iterable[str]) -> None:
        self._bucket.remove(names)

    @contextmanager
    def _writing(self, staging: str) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="ekspiper-"))
        try:
            yield folder
            for file in sorted(folder.iterdir()):
                self._bucket.put(f"{staging}/{file.name}", file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _refuse_unlocked(self) -> None:
        if self._held is None or not self._held.is_ours:
            raise Retryable(
                f"the lock of {self.address} was not renewed in time, and may be somebody else's; "
                "run it again"
            )

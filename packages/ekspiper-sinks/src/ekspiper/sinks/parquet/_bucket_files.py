"""The files of a dataset in an object store."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from ekspiper.core import CheckpointError, ConfigError, Retryable
from ekspiper.core.bucket import Bucket, BucketDocument, ProcessMark, Refused

from .._arrow import arrow
from ._folder_files import DatasetFiles

__all__ = ["BucketFiles"]

# Seconds for which a request is sent again; after that, the runner tries the batch again.
_PATIENCE = 20.0

# Seconds for one request: a part of the patience, so that a hung one is sent again.
_TIMEOUT = 15.0


class BucketFiles(DatasetFiles):
    """The files of a dataset in an object store.

    There are no locks. A writer takes the manifest over with its first conditional put; each later
    one is refused when somebody else has put a manifest since. So of two writers the one that was
    there first is refused at its next commit, on whatever machine they are. On one machine the
    second one is refused at once, while the first one lives.

    Args:
        url: of the dataset, for example `s3://bucket/prefix/name`.

    Raises:
        ConfigError: it is another URL, or has no name below the bucket.
    """

    def __init__(self, url: str) -> None:
        above, _, name = url.rstrip("/").rpartition("/")
        if above.endswith("/") or not name:
            raise ConfigError(
                "a dataset in an object store is a prefix below a bucket: s3://BUCKET/NAME"
            )
        self._bucket = Bucket(above, patience=_PATIENCE, timeout=_TIMEOUT)
        self._name = name
        self.place = f"{self._bucket}/{name}"
        self.hidden = f"{self._bucket}/.{name}.ekspiper"
        self._staging = f".{name}.ekspiper/staging"
        self._file = BucketDocument(self._bucket, f".{name}.ekspiper/manifest.json")
        self._owner: dict[str, Any] | None = None
        self._text = ""
        self._staged: set[str] = set()

    def open(self) -> None:
        """Look whether a process of this machine writes."""
        found = self._file.load()
        owner = None if found is None else json.loads(found).get("owner")
        if owner is not None and (mark := ProcessMark(**owner)).is_alive:
            raise ConfigError(
                f"{self.place} is being written by another collector, in {mark}; stop that one, or "
                "choose another place"
            )

    def take(self, manifest: str) -> None:
        """Put the manifest as its owner, if it is still the one that was loaded."""
        self._owner = asdict(ProcessMark.own())
        self.save(manifest)

    def close(self) -> None:
        """Put the manifest without an owner."""
        if self._owner is None:
            return
        self._owner = None
        try:
            if self._text:
                self.save(self._text)
        except (Retryable, CheckpointError):
            pass  # the owner will be seen to have ended, or somebody else owns it already

    def load(self) -> str | None:
        """Read the manifest, and remember which one it was."""
        found = self._file.load()
        if found is None:
            return None
        content = json.loads(found)
        if isinstance(content, dict):
            # Who owns it is not part of it: that only keeps other writers out.
            content.pop("owner", None)
        return json.dumps(content)

    def save(self, manifest: str) -> None:
        """Put the manifest in place of the one that was loaded or saved last."""
        content = {**json.loads(manifest), "owner": self._owner}
        try:
            self._file.save(json.dumps(content).encode())
        except Refused:
            raise CheckpointError(
                f"{self.place} has changed since it was left: another collector writes to it; "
                "stop one of them, and start again from the checkpoint"
            ) from None
        self._text = manifest

    def sizes(self) -> dict[str, int]:
        """The objects of the dataset."""
        return {
            name: size
            for name, size in _below(self._name, self._bucket.sizes(self._name))
            if name.endswith(".parquet")
        }

    def staged_sizes(self) -> dict[str, int]:
        """The staged objects."""
        return dict(_below(self._staging, self._bucket.sizes(self._staging)))

    def stage(self, name: str, partition: str, write: Callable[[Any], None]) -> int:
        """Write it in memory, and put it: a group of rows is bounded."""
        with io.BytesIO() as file:
            write(file)
            content = file.getvalue()
        self._bucket.put(f"{self._staging}/{name}", content)
        self._staged.add(name)
        return len(content)

    def reveal(self, staged: str, name: str) -> None:
        """Have the server copy it: nothing can be renamed."""
        # Where the copy was made before, by a run that crashed, there is nothing left to remove.
        if self._bucket.copy(f"{self._staging}/{staged}", f"{self._name}/{name}"):
            self._bucket.remove([f"{self._staging}/{staged}"])
        self._staged.discard(staged)

    def sync(self, partitions: Iterable[str]) -> None:
        """What was put is safe."""

    def remove(self, name: str) -> None:
        """Remove an object."""
        self._bucket.remove([f"{self._name}/{name}"])

    def sweep(self, keep: Iterable[str], *, all_of_them: bool) -> None:
        """Remove staged objects. Once another writer may be there, only our own."""
        found = set(self.staged_sizes()) if all_of_them else set(self._staged)
        for name in found - set(keep):
            self._bucket.remove([f"{self._staging}/{name}"])
            self._staged.discard(name)

    def source(self, name: str | None, staged: str | None) -> Any:
        """The bytes."""
        places = [f"{self._staging}/{staged}"] if staged is not None else []
        places += [f"{self._name}/{name}"] if name is not None else []
        for place in places:
            content = self._bucket.get(place)
            if content is not None:
                return arrow().BufferReader(content)
        raise Retryable(f"{self._bucket}: {places[-1]} is gone")


def _below(folder: str, sizes: dict[str, int]) -> Iterable[tuple[str, int]]:
    start = len(folder) + 1
    return ((name[start:], size) for name, size in sizes.items())

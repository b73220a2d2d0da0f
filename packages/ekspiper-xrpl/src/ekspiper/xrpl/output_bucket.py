"""A place of an object store for output: which command it belongs to, and what is in it."""

from __future__ import annotations

from typing import Any

from ekspiper.core import CommitPolicy, ConfigError, Delivery, registry
from ekspiper.core.bucket import Bucket, BucketCheckpoint
from ekspiper.xrpl.schema import schema_for

__all__ = ["OutputBucket"]


class OutputBucket:
    """Where a command writes Parquet datasets, and continues when it is run again.

    Args:
        url: `s3://bucket/prefix` and the like.
        command: the command it belongs to.

    Raises:
        ConfigError: it is not such a URL.
    """

    def __init__(self, url: str, *, command: str) -> None:
        self._bucket = Bucket(url)
        self._command = command
        self._checkpoint = f".checkpoint/{command}.parquet.json"
        self.path = self._bucket.url
        self.instead = "choose another place with --out URL"
        """What to do where this place cannot be used."""
        # Every commit is a few requests, which cost time and money.
        self.commit = CommitPolicy(seconds=10)
        self.checkpoint = BucketCheckpoint(self._bucket, self._checkpoint)

    def refuse_others(self, *tables: str) -> None:
        """Look whether another command, or another program, has written here. Blocks.

        Raises:
            ConfigError: it has.
            Retryable: the store does not answer.
        """
        begun = self._bucket.sizes(".checkpoint")
        if self._checkpoint in begun:
            return
        others = [*begun, *self._bucket.sizes(".chunks")]
        others += [name for table in tables for name in self._bucket.sizes(table)]
        if others:
            raise ConfigError(
                f"{self.path} holds {others[0]}, which `ekspiper {self._command}` did not write; "
                f"{self.instead}"
            )

    def table(self, records: str) -> str:
        """The URL of the dataset with records of a kind."""
        return f"{self.path}/{records}"

    def collector(self, records: str, **options: Any) -> Delivery:
        """The collector that writes records of a kind."""
        collector = registry.load("collectors", "parquet")
        schema = schema_for(collector, records)
        if schema is not None:
            options["schema"] = schema
        return Delivery(collector(self.table(records), **options), name="files")

    def set_aside(self, records: str) -> str:
        """Move what was recorded, as it is not to be used, and start over; where it is now."""
        for folder, aside in (
            (records, f"{records}.unverified"),
            (f".{records}.ekspiper", f".{records}.unverified.ekspiper"),
        ):
            self._bucket.remove(self._bucket.sizes(aside))
            for name in self._bucket.sizes(folder):
                self._bucket.copy(name, f"{aside}/{name[len(folder) + 1 :]}")
                self._bucket.remove([name])
        self._bucket.remove([self._checkpoint])
        return self.table(f"{records}.unverified")

"""The records of a dataset, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError

from .._arrow import arrow_parquet, records_of
from ._dataset import files_at
from ._folder_files import DatasetFiles
from ._manifest import Manifest
from .one_file import is_one_file

__all__ = ["read_records"]


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """Every record of the dataset at `path`, field by field what was collected.

    They come by folder and file, in the order in which they were collected. `path` may be the URL
    of a dataset in an object store. It may also be a place with files of `OneFile`, which come by
    folder and name. A writer may be at work; what it publishes meanwhile may be among them or not.

    Raises:
        ConfigError: there is not a dataset of ekspiper at `path`.
        MissingExtra: pyarrow is not installed.
    """
    parquet = arrow_parquet()
    at = files_at(path)
    text = at.load()
    if text is None:
        sources = _single_files(path, at)
    else:
        manifest = Manifest.parse(text, f"{at.hidden}/manifest.json")
        # A file may have been moved since the manifest was read, so both places are looked at.
        entries = sorted(manifest.entries, key=lambda each: each.path)
        sources = (at.source(entry.path, entry.staged) for entry in entries)
    for source in sources:
        for batch in parquet.ParquetFile(source).iter_batches():
            yield from records_of(batch)


def _single_files(path: str | Path, at: DatasetFiles) -> Iterator[Any]:
    """The files of a place of `OneFile`s, which needs no manifest: each is whole or not there."""
    names = sorted(at.sizes())
    sources = (at.source(name, None) for name in names)
    for source in sources:
        # One by one: from an object store each is fetched whole.
        if not is_one_file(source):
            names = []
            break
        yield source
    if not names:
        raise ConfigError(f"{path} is not a dataset of ekspiper: a manifest beside it is missing")

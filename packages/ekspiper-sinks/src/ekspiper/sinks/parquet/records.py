"""The records of a dataset, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError

from .._arrow import arrow_parquet, records_of
from ._dataset import files_at
from ._manifest import Manifest
from .one_file import is_one_file

__all__ = ["read_records"]


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """Every record of the dataset at `path`, field by field what was collected.

    They come by folder and file, in the order in which they were collected. `path` may be the URL
    of a dataset in an object store. It may also be a folder with files of `OneFile`, which come by
    folder and name. A writer may be at work; what it publishes meanwhile may be among them or not.

    Raises:
        ConfigError: there is not a dataset of ekspiper at `path`.
        MissingExtra: pyarrow is not installed.
    """
    parquet = arrow_parquet()
    at = files_at(path)
    text = at.load()
    if text is None:
        sources: Iterator[Any] = iter(_single_files(Path(path)))
    else:
        manifest = Manifest.parse(text, f"{at.hidden}/manifest.json")
        # A file may have been moved since the manifest was read, so both places are looked at.
        entries = sorted(manifest.entries, key=lambda each: each.path)
        sources = (at.source(entry.path, entry.staged) for entry in entries)
    for source in sources:
        for batch in parquet.ParquetFile(source).iter_batches():
            yield from records_of(batch)


def _single_files(path: Path) -> list[Path]:
    """The files of a folder of `OneFile`s, which needs no manifest: each is whole or not there."""
    files = sorted(path.rglob("*.parquet"))
    if not files or any(not is_one_file(file) for file in files):
        raise ConfigError(f"{path} is not a dataset of ekspiper: a manifest beside it is missing")
    return files

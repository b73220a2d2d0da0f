"""The files of a Parquet dataset, read without the collector that wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekspiper.core import MissingExtra

__all__ = ["parquet_files"]


def parquet_files(path: Path) -> Any:
    """The `pyarrow.dataset.Dataset` at `path`; its `files` are empty while it has none.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        from pyarrow import dataset
    except ImportError as error:
        raise MissingExtra(
            "Parquet needs pyarrow: pip install 'ekspiper-sinks[parquet]'"
        ) from error
    return dataset.dataset(path, format="parquet", partitioning="hive")

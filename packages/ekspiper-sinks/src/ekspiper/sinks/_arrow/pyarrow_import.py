"""pyarrow, imported where it is used."""

from __future__ import annotations

from typing import Any

from .._checks import missing_extra

__all__ = ["arrow", "arrow_parquet"]


def arrow() -> Any:
    """The module `pyarrow`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise missing_extra("a Parquet dataset", error, extra="parquet") from error
    return pyarrow


def arrow_parquet() -> Any:
    """The module `pyarrow.parquet`.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    arrow()
    import pyarrow.parquet

    return pyarrow.parquet

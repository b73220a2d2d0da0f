"""The package of the extra `delta`, imported where it is used."""

from __future__ import annotations

from typing import Any

from .._checks import missing_extra

__all__ = ["deltalake"]


def deltalake() -> Any:
    """The module `deltalake`.

    Raises:
        MissingExtra: it is not installed, or pyarrow is not.
    """
    try:
        import deltalake
        import deltalake.exceptions
        import pyarrow  # noqa: F401  # rows are made of it
    except ImportError as error:
        raise missing_extra("Delta Lake", error, extra="delta") from error
    return deltalake

"""Fields of records by their path, such as `Fee.value`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ABSENT", "reader"]

ABSENT: Any = object()
"""What a reader gives for a field that the record does not have."""


def reader(path: str) -> Callable[[Any], Any]:
    """A function that reads the field at `path`: names, and places in lists, joined by dots."""
    first, *rest = path.split(".")

    def read(record: Any) -> Any:
        value = record.get(first, ABSENT)
        for name in rest:
            if isinstance(value, dict):
                value = value.get(name, ABSENT)
            elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                return ABSENT
        return value

    return read

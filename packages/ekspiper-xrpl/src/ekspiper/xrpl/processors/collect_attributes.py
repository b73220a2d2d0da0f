"""Collects which attributes and types the records really have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.schema import Attribute, AttributeTable

__all__ = ["CollectAttributes"]


class CollectAttributes(Processor[Mapping[str, Any], Mapping[str, Any]]):
    """Record -> the same record, after its attributes were counted.

    Ask for `rows()` when all records have passed.
    """

    def __init__(self) -> None:
        self._table = AttributeTable()

    async def process(self, item: Mapping[str, Any]) -> tuple[Mapping[str, Any]]:
        """Count the attributes of one record."""
        self._table.add(item)
        return (item,)

    def rows(self) -> list[Attribute]:
        """The attributes seen so far, ordered by object, path and type."""
        return self._table.rows()

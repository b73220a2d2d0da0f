"""The records of an Iceberg table, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import ConfigError

from .._lake import canonical, records_in_order
from ._catalog import CatalogSettings

__all__ = ["read_records"]


def read_records(
    table: str, *, warehouse: str | None = None, catalog: str | None = None
) -> Iterator[dict[str, Any]]:
    """Every record of a table, field by field what was collected, in the order of collecting.

    They are those of the newest snapshot; all of them are in memory at once.

    Raises:
        ConfigError: the table does not exist.
        MissingExtra: PyIceberg is not installed.
    """
    opened = CatalogSettings(catalog, warehouse).load(make=False)
    from pyiceberg.exceptions import NoSuchTableError

    try:
        found = opened.load_table(table)
    except NoSuchTableError:
        raise ConfigError(f"{warehouse or catalog} has no table {table}") from None
    finally:
        opened.close()
    schema = canonical(found.schema().as_arrow())
    # An empty list stands for none, see `IcebergTable`; those that were empty are in `_rest`.
    yield from records_in_order(found.scan().to_arrow(), schema, empty_lists=False)

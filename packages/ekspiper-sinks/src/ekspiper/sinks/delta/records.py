"""The records of a Delta Lake table, as they were collected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import ConfigError

from .._arrow import arrow
from .._lake import canonical, records_in_order
from ._table import LEDGERS, deltalake

__all__ = ["read_records"]


def read_records(path: str) -> Iterator[dict[str, Any]]:
    """Every record of a table, field by field what was collected, in the order of collecting.

    They are those of the newest version; all of them are in memory at once.

    Raises:
        ConfigError: the table does not exist.
        MissingExtra: deltalake is not installed.
    """
    module = deltalake()
    try:
        table = module.DeltaTable(str(path))
    except module.exceptions.TableNotFoundError:
        raise ConfigError(f"{path} does not hold a Delta table") from None
    pa = arrow()
    stored = pa.schema(table.schema().to_arrow())
    schema = canonical(pa.schema([field for field in stored if field.name != LEDGERS]))
    yield from records_in_order(table.to_pyarrow_table(), schema)

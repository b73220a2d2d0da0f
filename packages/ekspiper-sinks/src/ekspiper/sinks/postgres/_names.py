"""Names in SQL: quoting, tables with and without a schema, and the column of a field."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ekspiper.core import ConfigError

__all__ = ["REST", "ROW", "Relation", "column_of", "field_of", "quoted", "refuse_name", "split"]

REST = "_rest"
"""The column for everything in a record that no other column can hold, as JSON."""

ROW = "_row"
"""The column of a row's number in the order in which records came, from 1."""

_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
# Bytes: PostgreSQL cuts a longer name off, and two names could become one.
_LONGEST = 63


def quoted(name: str) -> str:
    """A name as an identifier that SQL cannot misread."""
    return '"' + name.replace('"', '""') + '"'


def refuse_name(name: str, what: str) -> None:
    """Raise `ConfigError` when PostgreSQL does not allow that name."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name or "\0" in name or size > _LONGEST:
        raise ConfigError(
            f"{what} cannot be called {name!r:.100}: a name has 1 to {_LONGEST} bytes, and no "
            "zero byte"
        )


def column_of(field: str) -> str:
    """The column of a field: its name, with `_` after the names that PostgreSQL keeps (`ctid`)."""
    return f"{field}_" if field in _SYSTEM_COLUMNS else field


def field_of(column: str) -> str:
    """The field of a column: the reverse of `column_of`."""
    return column[:-1] if column[:-1] in _SYSTEM_COLUMNS else column


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, or another thing in its schema, by its full name.

    Args:
        lane: under which name it is written beside its own writer; empty for that one.
    """

    schema: str
    name: str
    lane: str = ""

    def __str__(self) -> str:
        lane = f" (lane {self.lane})" if self.lane else ""
        return f"{self.schema}.{self.name}{lane}"

    @property
    def position_name(self) -> str:
        """What its row in `ekspiper_positions` is called."""
        return f"{self.name} (lane {self.lane})" if self.lane else self.name

    @property
    def sql(self) -> str:
        """The name as SQL writes it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def lock(self) -> int:
        """The number of the advisory lock that its writer holds: 64 bits, signed."""
        lane = f"\0{self.lane}" if self.lane else ""
        # By name and not by the table's number, as the lock is taken before the table exists.
        digest = hashlib.sha256(f"ekspiper\0{self.schema}\0{self.name}{lane}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def split(table: str) -> tuple[str | None, str]:
    """The schema, if one is named before a dot, and the table's own name.

    Raises:
        ConfigError: a table cannot be called so.
    """
    schema, dot, name = table.rpartition(".")
    if dot:
        refuse_name(schema, "a schema")
    refuse_name(name, "a table")
    return (schema if dot else None), name

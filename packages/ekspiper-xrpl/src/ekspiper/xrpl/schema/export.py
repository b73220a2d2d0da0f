"""Exports by name: what `ekspiper schema show` and `ekspiper schema export` print."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ekspiper.core import ConfigError

from .arrow import arrow_schema
from .bigquery import bigquery_schema
from .formats import Formats
from .json_schema import json_schema, transactions_json_schema
from .postgres import postgres_columns, postgres_ddl
from .schema import Schema

__all__ = ["EXPORTS", "export_schema", "find_schema", "schema_for", "schema_names"]

_TABLES: Mapping[str, Callable[[Formats], Schema]] = {
    "transactions": Formats.transactions_table,
    "ledgers": Formats.ledgers_table,
    "book_offers": Formats.book_offers_table,
    "amms": Formats.amms_table,
    "objects": Formats.objects_table,
}


# Before the name of a ledger entry type that a transaction type has as well.
_ENTRY = "entry."


def schema_names(formats: Formats) -> list[str]:
    """The names that `find_schema` takes: tables, transaction types, ledger entry types."""
    entries = (
        _ENTRY + name if name in formats.transactions else name for name in formats.ledger_entries
    )
    return [*_TABLES, *formats.transactions, *entries]


def find_schema(name: str, formats: Formats | None = None) -> Schema:
    """The schema of a table, a transaction type or a ledger entry type.

    A ledger entry type may have `entry.` before its name; `entry.DepositPreauth` must, as there
    is a transaction type `DepositPreauth`.

    Raises:
        ConfigError: no schema has that name; lists the nearest ones.
    """
    formats = formats or Formats()
    if name in _TABLES:
        return _TABLES[name](formats)
    if name in formats.transactions:
        return formats.transaction(name)
    entry = name.removeprefix(_ENTRY)
    if entry in formats.ledger_entries:
        return formats.ledger_entry(entry)
    names = schema_names(formats)
    # Case is what people mistype most: `nftokenmint` is near to nothing but itself.
    lower = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.4)
    nearest = ", ".join(lower[one] for one in near) or ", ".join(_TABLES)
    raise ConfigError(f"no schema is called {name!r}; nearest: {nearest}")


def export_schema(name: str, format: str, formats: Formats | None = None) -> bytes:
    """A schema as a file in one of `EXPORTS`: all are text, but `arrow`.

    Args:
        name: a table, a transaction type or a ledger entry type.
        format: one of `EXPORTS`.
        formats: what the schema is compiled from; the bundled definitions without it.

    Raises:
        ConfigError: no such schema or format.
        MissingExtra: the format needs a package that is not installed.
    """
    formats = formats or Formats()
    if format not in EXPORTS:
        raise ConfigError(f"no export is called {format!r}; known: {', '.join(EXPORTS)}")
    # JSON Schema can say which fields belong to which type; columns of a table cannot.
    if name == "transactions" and format == "json-schema":
        return _json(transactions_json_schema(formats))
    return EXPORTS[format](find_schema(name, formats))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _arrow_stream(schema: Schema) -> bytes:
    """An IPC stream without rows, from which every Arrow library reads the schema."""
    message: bytes = arrow_schema(schema).serialize().to_pybytes()
    return message


EXPORTS: Mapping[str, Callable[[Schema], bytes]] = {
    "arrow": _arrow_stream,
    "bigquery": lambda schema: _json(bigquery_schema(schema)),
    "json-schema": lambda schema: _json(json_schema(schema)),
    "postgres": lambda schema: postgres_ddl(schema).encode(),
}
"""The formats of exports, by name."""


_FORMS: Mapping[str, Callable[[Schema], Any]] = {
    "arrow": arrow_schema,
    "postgres": postgres_columns,
}


def schema_for(collector: type, records: str) -> Any | None:
    """The schema for records of a kind, where the collector wants one and there is one.

    A collector class that takes a parameter `schema` says in `schema_format` what it is to be:
    `arrow`, a `pyarrow.Schema`; or `postgres`, SQL types by column.
    """
    form = getattr(collector, "schema_format", None)
    # A collector without columns, such as a file of lines, says nothing and gets no schema.
    if form not in _FORMS or records not in _TABLES:
        return None
    return _made(form, records)


# Compiled once for all collectors: the union of all types takes a noticeable part of a start.
@cache
def _made(form: str, records: str) -> Any:
    return _FORMS[form](find_schema(records, Formats()))

"""The schema that a collector of tables gets, in the form that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .arrow import arrow_schema
from .export import find_schema
from .formats import Formats
from .model import Schema
from .postgres import postgres_columns

__all__ = ["schema_for"]

_FORMS: Mapping[str, Callable[[Schema], Any]] = {
    "arrow": arrow_schema,
    "postgres": postgres_columns,
}
_TABLES = ("transactions", "ledgers", "book_offers", "amms", "objects")


def schema_for(collector: type, records: str) -> Any | None:
    """The schema for records of a kind, where the collector wants one and there is one.

    A collector class that takes a parameter `schema` says in `schema_format` what it is to be:
    `arrow`, a `pyarrow.Schema`; or `postgres`, SQL types by column.
    """
    form = getattr(collector, "schema_format", None)
    if form not in _FORMS or records not in _TABLES:
        return None
    return _made(form, records)


@cache
def _made(form: str, records: str) -> Any:
    return _FORMS[form](find_schema(records, Formats()))

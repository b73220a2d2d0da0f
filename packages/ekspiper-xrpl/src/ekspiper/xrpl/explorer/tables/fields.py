"""Columns for the fields of a schema: each field under its own name, with the type it has there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ekspiper.xrpl.codec.header import RIPPLE_EPOCH
from ekspiper.xrpl.derive.times import TIME_FIELDS, UNIX_TIME_FIELDS
from ekspiper.xrpl.schema.model import Field

from ..assets import units
from .column import Column

__all__ = ["FieldColumn", "field_columns"]

Cell = Callable[[Mapping[str, Any]], Any]


class FieldColumn(NamedTuple):
    """A column, and how its cell is found in a record."""

    column: Column
    cell: Cell


def field_columns(fields: Iterable[Field], *, skip: Iterable[str] = ()) -> list[FieldColumn]:
    """The columns of a schema's fields.

    An amount becomes three: its units (XRP in XRP) under the name of the field, `_currency` and
    `_value`, the ledger's own number; with a fourth, `_issuer`, which for an MPT is its id. Times
    of the ledger become timestamps. Lists and objects stay Python values.
    """
    left = set(skip)
    return [each for field in fields if field.name not in left for each in _columns(field)]


def _columns(field: Field) -> Iterator[FieldColumn]:
    name = field.name
    if field.repeated:
        yield _plain(name, "object")
    elif field.type == "Amount":
        yield FieldColumn(Column(name, "Float64"), lambda record: _units(record.get(name)))
        yield _member(name, "currency", "category")
        yield FieldColumn(
            Column(f"{name}_issuer", "string"), lambda record: _issuer(record.get(name))
        )
        yield _member(name, "value", "string")
    elif name in TIME_FIELDS:
        yield FieldColumn(Column(name, "time"), lambda record: _time(record.get(name)))
    elif name in UNIX_TIME_FIELDS:
        yield _plain(name, "time")
    elif field.kind == "integer":
        yield _plain(name, "Int64")
    elif field.kind == "text":
        yield _plain(name, "category" if name.endswith("Type") else "string")
    else:
        yield _plain(name, "object")


def _plain(name: str, dtype: str) -> FieldColumn:
    return FieldColumn(Column(name, dtype), lambda record: record.get(name))


def _member(name: str, member: str, dtype: str) -> FieldColumn:
    return FieldColumn(
        Column(f"{name}_{member}", dtype),
        lambda record: (record.get(name) or {}).get(member) or None,
    )


def _units(amount: Mapping[str, Any] | None) -> float | None:
    return None if amount is None else units(amount)


def _issuer(amount: Mapping[str, Any] | None) -> str | None:
    if amount is None:
        return None
    return amount.get("mpt_issuance_id") or amount["issuer"] or None


def _time(seconds: int | None) -> int | None:
    return None if seconds is None else seconds + RIPPLE_EPOCH

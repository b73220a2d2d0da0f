"""Columns for the fields of a schema: each field under its own name, with the type it has there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.derive import TIME_FIELDS, UNIX_TIME_FIELDS
from ekspiper.xrpl.schema import Field

from .._assets import amount_cells, asset_text
from .column import Column

__all__ = ["FieldColumn", "field_columns"]

# How the columns of an amount are named behind its field, in the order of `amount_cells`.
_AMOUNT_CELLS = {
    "": "Float64",
    "_currency": "category",
    "_currency_code": "string",
    "_issuer": "string",
    "_value": "string",
}

Cell = Callable[[Mapping[str, Any]], Any]


class FieldColumn(NamedTuple):
    """A column, and how its cell is found in a record."""

    column: Column
    cell: Cell


def field_columns(fields: Iterable[Field], *, skip: Iterable[str] = ()) -> list[FieldColumn]:
    """The columns of a schema's fields.

    An amount becomes five: its units (XRP in XRP) under the name of the field, then `_currency`, a
    name to read, `_currency_code`, the ledger's own, `_issuer`, which for an MPT is its id, and
    `_value`, the ledger's own number. The asset of a pool or a vault becomes text such as
    `USD.rIssuer`. Times of the ledger become timestamps. Lists and objects stay Python values.
    """
    left = set(skip)
    return [each for field in fields if field.name not in left for each in _columns(field)]


def _columns(field: Field) -> Iterator[FieldColumn]:
    name = field.name
    # A cell cannot hold several values in a way that pandas counts with.
    if field.repeated:
        yield _plain(name, "object")
    elif field.type == "Amount":
        yield from _amount(name)
    elif field.type == "Issue":
        yield FieldColumn(Column(name, "string"), lambda record: _asset(record.get(name)))
    elif name in TIME_FIELDS:
        yield FieldColumn(Column(name, "time"), lambda record: _time(record.get(name)))
    # An oracle counts from 1970; all other times of the ledger begin with the year 2000.
    elif name in UNIX_TIME_FIELDS:
        yield _plain(name, "time")
    elif field.kind == "integer":
        yield _plain(name, "Int64")
    elif field.kind == "text":
        # A category takes a byte for each row; of types there are few, of hashes one each.
        yield _plain(name, "category" if name.endswith("Type") else "string")
    else:
        yield _plain(name, "object")


def _plain(name: str, dtype: str) -> FieldColumn:
    return FieldColumn(Column(name, dtype), lambda record: record.get(name))


def _amount(name: str) -> Iterator[FieldColumn]:
    for place, (ending, dtype) in enumerate(_AMOUNT_CELLS.items()):
        # As a default value, or all of them would see the last place of the loop.
        def cell(record: Mapping[str, Any], place: int = place) -> Any:
            return amount_cells(record.get(name))[place]

        yield FieldColumn(Column(name + ending, dtype), cell)


def _asset(asset: Mapping[str, Any] | None) -> str | None:
    return None if asset is None else asset_text(asset)


def _time(seconds: int | None) -> int | None:
    return None if seconds is None else seconds + RIPPLE_EPOCH

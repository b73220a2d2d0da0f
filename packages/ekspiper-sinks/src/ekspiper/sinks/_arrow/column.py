"""Columns of Arrow from lists of values, a whole column at a time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from ekspiper.core import ConfigError, Permanent

from .._json import to_json
from .pyarrow_import import arrow
from .rest import Misfits, Place
from .scalars import binary_of, decimal_of, instant_of, number_text
from .shape import is_json, is_python

__all__ = ["Column", "column_for", "struct_column"]

Values = list[Any]
Origin = Callable[[int], Place]
"""Where the n-th value of a column is: `((), row)` is a record, everything else is below one."""


Column = Callable[[Values, Origin, Misfits], Any]
"""`column(values, origin, misfits)`: an Arrow array; None stands for no value."""


def column_for(field: Any, path: str = "", *, empty_lists: bool = True) -> Column:
    """How values become a column of an Arrow field.

    Args:
        path: of the struct around it, for errors.
        empty_lists: whether the column tells an empty list from none; otherwise it is a misfit.

    Raises:
        ConfigError: JSON values cannot fill a column of its type.
    """
    # Marks first: a field that holds JSON text is a string to Arrow as well.
    types = arrow().types
    kind = field.type
    path = f"{path}.{field.name}" if path else field.name
    if is_json(field):
        return _json(kind)
    if is_python(field):
        return _python(kind)
    if types.is_struct(kind):
        return struct_column(list(kind.fields), path, empty_lists=empty_lists)
    if types.is_list(kind) or types.is_large_list(kind):
        member = column_for(kind.value_field, path, empty_lists=empty_lists)
        return _list(kind, member, empty_lists=empty_lists)
    if types.is_timestamp(kind):
        return _converted(kind, instant_of)
    if types.is_decimal(kind):
        return _decimal(kind)
    if types.is_binary(kind):
        return _converted(kind, binary_of)
    for is_kind, python in (
        (types.is_string, str),
        (types.is_large_string, str),
        (types.is_boolean, bool),
        (types.is_integer, int),
    ):
        if is_kind(kind):
            return _plain(kind, python)
    if types.is_floating(kind):
        return _floating(kind)
    raise ConfigError(f"the schema's column {path} has type {kind}, which JSON values cannot fill")


def _only(values: Values, python: type, origin: Origin, misfits: Misfits) -> Values:
    """The values, with None for those of another type."""
    # `type` and not `isinstance`: True is an int, and would come back as 1.
    if set(map(type, values)) <= {python, type(None)}:
        return values
    kept = list(values)
    for at, value in enumerate(values):
        if value is not None and type(value) is not python:
            misfits.add(origin(at), value)
            kept[at] = None
    return kept


def _plain(kind: Any, python: type) -> Column:
    pa = arrow()

    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        values = _only(values, python, origin, misfits)
        # Nearly always the whole column fits; only then is it worth looking for the one that does not.
        try:
            return pa.array(values, type=kind)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            return _one_by_one(values, origin, misfits)

    def _one_by_one(values: Values, origin: Origin, misfits: Misfits) -> Any:
        kept = list(values)
        for at, value in enumerate(values):
            try:
                pa.array([value], type=kind)
            except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
                misfits.add(origin(at), value)
                kept[at] = None
        return pa.array(kept, type=kind)

    return column


def _floating(kind: Any) -> Column:
    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        values = _only(values, float, origin, misfits)
        for at, value in enumerate(values):
            if value is not None and not math.isfinite(value):
                # A failure and no misfit: `_rest` is JSON, so it could not be kept there either.
                misfits.fail(origin(at), f"it holds {value}, which JSON does not have")
        return arrow().array(values, type=kind)

    return column


def _converted(kind: Any, convert: Callable[[str], Any]) -> Column:
    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        values = _only(values, str, origin, misfits)
        converted = [None if value is None else convert(value) for value in values]
        for at, value in enumerate(values):
            if converted[at] is None and value is not None:
                misfits.add(origin(at), value)
        return arrow().array(converted, type=kind)

    return column


def _decimal(kind: Any) -> Column:
    """Text, or `Decimal`, which a schema that is given cannot tell from it."""
    texts = _converted(
        kind, lambda text: decimal_of(text, precision=kind.precision, scale=kind.scale)
    )

    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        # Nearly always text alone, which needs no second look at each value.
        if Decimal not in set(map(type, values)):
            return texts(values, origin, misfits)
        plain = list(values)
        for at, value in enumerate(values):
            if type(value) is Decimal:
                plain[at] = None
                if _fits(value, kind):
                    plain[at] = number_text(value)
                else:
                    misfits.fail(origin(at), f"{value} does not fit the column's type {kind}")
        return texts(plain, origin, misfits)

    return column


def _python(kind: Any) -> Column:
    """Objects that Arrow has a type for and JSON does not: they go nowhere but to their column."""
    types = arrow().types
    tests: tuple[tuple[Callable[[Any], bool], type], ...] = (
        (types.is_decimal, Decimal),
        (types.is_timestamp, datetime),
        (types.is_date, date),
        (types.is_binary, bytes),
    )
    python = next(python for is_kind, python in tests if is_kind(kind))

    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        kept = _only(values, python, origin, misfits)
        kept = list(kept)
        for at, value in enumerate(kept):
            if value is not None and not _fits(value, kind):
                misfits.fail(origin(at), f"{value} does not fit the column's type {kind}")
                kept[at] = None
        return arrow().array(kept, type=kind)

    return column


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(value, datetime):
        return (value.utcoffset() is None) == (kind.tz is None)
    if not isinstance(value, Decimal):
        return True
    if not value.is_finite():
        return False
    text = number_text(value)
    return decimal_of(text, precision=kind.precision, scale=kind.scale) is not None


def _json(kind: Any) -> Column:
    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        texts: list[str | None] = []
        for at, value in enumerate(values):
            try:
                texts.append(None if value is None else to_json(value))
            except Permanent as error:
                misfits.fail(origin(at), str(error))
                texts.append(None)
        return arrow().array(texts, type=kind)

    return column


def _list(kind: Any, member: Column, *, empty_lists: bool) -> Column:
    pa = arrow()
    maker = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray

    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        values = _only(values, list, origin, misfits)
        if not empty_lists and [] in values:
            for at, value in enumerate(values):
                if value == []:
                    misfits.add(origin(at), value)
            values = [value or None for value in values]
        # One flat column of all members, and where each list begins: Arrow has lists so.
        offsets: list[int | None] = []
        # Beside the offsets, which have None for a list that is missing: `bisect` needs numbers.
        starts: list[int] = []
        end = 0
        for value in values:
            offsets.append(None if value is None else end)
            starts.append(end)
            end += len(value or ())
        flat = list(chain.from_iterable(value for value in values if value))

        def inner(at: int) -> Place:
            around = bisect_right(starts, at) - 1
            return (origin(around), at - starts[around])

        # A null in a list is a value in its own right, which the column could not tell from a misfit.
        if None in flat:
            for at, value in enumerate(flat):
                if value is None:
                    misfits.add(inner(at), None)
        offset_type = pa.int64() if maker is pa.LargeListArray else pa.int32()
        ends = pa.array([*offsets, end], type=offset_type)
        return maker.from_arrays(ends, member(flat, inner, misfits), type=kind)

    return column


def struct_column(fields: Sequence[Any], path: str = "", *, empty_lists: bool = True) -> Column:
    """How objects become a column of structs; see `column_for`."""
    pa = arrow()
    columns = [
        (field.name, field.type, column_for(field, path, empty_lists=empty_lists))
        for field in fields
    ]
    known = frozenset(field.name for field in fields)
    fields = list(fields)

    def column(values: Values, origin: Origin, misfits: Misfits) -> Any:
        values = _only(values, dict, origin, misfits)
        filled = _scattered(values, known, origin, misfits)
        arrays = [
            child(filled[name], _below(origin, name), misfits)
            if name in filled
            else pa.nulls(len(values), kind)
            for name, kind, child in columns
        ]
        none = [value is None for value in values] if None in values else None
        # A mask costs a bit for each row, and most structs have a value in every row.
        mask = None if none is None else pa.array(none, type=pa.bool_())
        return pa.StructArray.from_arrays(arrays, fields=fields, mask=mask)

    return column


def _scattered(
    objects: Values, known: frozenset[str], origin: Origin, misfits: Misfits
) -> dict[str, Values]:
    """The values of objects by their names: only names that occur, as most do not."""
    filled: dict[str, Values] = {}
    for at, value in enumerate(objects):
        if value is None:
            continue
        for name, item in value.items():
            column = filled.get(name)
            if column is None and name in known:
                column = filled[name] = [None] * len(objects)
            if column is not None and item is not None:
                column[at] = item
            elif isinstance(name, str):
                misfits.add((origin(at), name), item)
            else:
                misfits.fail(origin(at), f"it has the key {name!r}, which is not text")
    return filled


def _below(origin: Origin, name: str) -> Origin:
    return lambda at: (origin(at), name)

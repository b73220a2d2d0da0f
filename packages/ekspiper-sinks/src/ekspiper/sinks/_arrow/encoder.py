"""Turns records into Arrow without loss."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ekspiper.core import Permanent

from .._json import describe, to_json
from .column import struct_column
from .pyarrow_import import arrow
from .rest import Misfits, Place, pointer
from .shape import REST

__all__ = ["Encoder"]


class Encoder:
    """Turns records into Arrow batches of one schema. What no column holds goes to `_rest`.

    Args:
        schema: an Arrow schema whose last column is `_rest`.
        empty_lists: whether columns tell an empty list from none. Where they do not, an empty list
            goes to `_rest`.

    Raises:
        ConfigError: JSON values cannot fill a column of the schema.
    """

    def __init__(self, schema: Any, *, empty_lists: bool = True) -> None:
        self.schema = schema
        # Names the schema in a dataset's manifest, without keeping the schema itself there.
        self.digest = hashlib.sha256(schema.serialize()).hexdigest()[:16]
        self._column = struct_column(
            [field for field in schema if field.name != REST], empty_lists=empty_lists
        )

    def encode(
        self, records: Sequence[Any]
    ) -> tuple[list[Any], dict[int, Exception], list[Mapping[str, Any]]]:
        """Batches of the records, why some are not among them, and those with a `_rest`."""
        failures: dict[int, Exception] = {
            place: Permanent(f"it is {type(record).__name__}, not a record")
            for place, record in enumerate(records)
            if type(record) is not dict
        }
        places = [place for place in range(len(records)) if place not in failures]
        batches, partial = self._batches(records, places, failures)
        named: dict[int, Exception] = {
            place: _named(records[place], failures[place]) for place in sorted(failures)
        }
        return batches, named, [records[place] for place in partial]

    def _batches(
        self, records: Sequence[Any], places: list[int], failures: dict[int, Exception]
    ) -> tuple[list[Any], list[int]]:
        """Leaves out those that fail, and halves what Arrow cannot take at once: over 2 GiB of text."""
        if not places:
            return [], []
        pa = arrow()
        misfits = Misfits()
        try:
            structs = self._column([records[place] for place in places], _record_at, misfits)
            rest = {} if misfits.failures else _texts(misfits)
        except (pa.ArrowException, ValueError, TypeError, OverflowError, RecursionError) as error:
            if len(places) == 1:
                failures[places[0]] = error
                return [], []
            middle = len(places) // 2
            first, partial = self._batches(records, places[:middle], failures)
            second, more = self._batches(records, places[middle:], failures)
            return first + second, partial + more
        if misfits.failures:
            failures.update((places[row], error) for row, error in misfits.failures.items())
            # Without those that failed: what they had put into columns must not be in the batch.
            left = [place for place in places if place not in failures]
            return self._batches(records, left, failures)
        texts = pa.array([rest.get(row) for row in range(len(places))], type=pa.string())
        batch = pa.RecordBatch.from_arrays([*structs.flatten(), texts], schema=self.schema)
        return [batch], [places[row] for row in sorted(rest)]


def _record_at(row: int) -> Place:
    return ((), row)


def _texts(misfits: Misfits) -> dict[int, str]:
    """The column `_rest`: JSON by row."""
    found: dict[int, dict[str, Any]] = {}
    for place, value in misfits.rest:
        row, at = pointer(place)
        found.setdefault(row, {})[at] = value
    texts: dict[int, str] = {}
    for row, rest in found.items():
        try:
            texts[row] = to_json(rest)
        except Permanent as error:
            misfits.fail(((), row), str(error))
    return texts


def _named(record: Any, error: Exception) -> Permanent:
    return Permanent(f"the record{describe(record)} cannot be stored as Parquet: {error}")

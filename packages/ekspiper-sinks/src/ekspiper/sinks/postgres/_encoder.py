"""Records as rows in the text format of COPY. Pure functions over values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ekspiper.core import Permanent

from .._json import describe
from ._column_encoder import encode_for, encode_json, is_exact
from ._names import REST, ROW, field_of, quoted

__all__ = ["Encoder", "Rows"]

_NULL = b"\\N"


@dataclass(slots=True)
class Rows:
    """The rows of a batch.

    Args:
        lines: each with its newline.
        places: where in the batch the record of each line stands.
        failures: why other members of the batch have no line, by place.
    """

    lines: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)


class Encoder:
    """Turns records into rows of one table.

    A value is in the column of its field where that column can give it back exactly. Everything
    else is in the column `_rest`, so that a record can be put together again from its row: fields
    without a column, values of another type, a null that is written out. Some types, such as
    `uuid`, may give back another text than they got: a value of such a column is in `_rest` as
    well.

    Args:
        columns: the type of each column, as `format_type` names it.
        key: the columns that every row must fill.
    """

    def __init__(self, columns: Mapping[str, str], *, key: Sequence[str] = ()) -> None:
        names = [name for name in columns if name not in (REST, ROW)]
        self.columns = ", ".join(map(quoted, [*names, REST, ROW]))
        self._slots = {
            field_of(name): (place, encode_for(columns[name]), is_exact(columns[name]))
            for place, name in enumerate(names)
        }
        self._blank = [_NULL] * (len(names) + 2)
        self._key = [(field_of(name), names.index(name)) for name in key]

    def encode(self, batch: Sequence[Any], *, after: int) -> Rows:
        """The rows of a batch, numbered from `after` + 1."""
        rows = Rows()
        for place, record in enumerate(batch):
            try:
                line = self._line(record, after + 1 + place)
            except (ValueError, TypeError) as error:  # orjson's errors are TypeErrors
                rows.failures[place] = Permanent(
                    f"the record{describe(record)} cannot be stored in PostgreSQL: {error}"
                )
            else:
                rows.lines.append(line)
                rows.places.append(place)
        return rows

    def _line(self, record: Any, number: int) -> bytes:
        if not isinstance(record, dict):
            raise TypeError("it is not an object with fields")
        row = self._blank.copy()
        rest: dict[str, Any] = {}
        slots = self._slots
        for name, value in record.items():
            if name in slots and value is not None:
                place, encode, gives_back = slots[name]
                data = encode(value)
                if data is not None:
                    row[place] = data
                    if gives_back:
                        continue
            # The column keeps what it could take, for queries; the record itself comes back from
            # the rest.
            rest[name] = value
        for name, place in self._key:
            if row[place] is _NULL:
                raise ValueError(f"its key {name!r} is missing or of another type")
        if rest:
            row[-2] = encode_json(rest)
        row[-1] = b"%d\n" % number
        return b"\t".join(row)

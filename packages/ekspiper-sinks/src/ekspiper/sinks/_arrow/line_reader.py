"""Records that came as lines of JSON, read into columns by the reader that their kind has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ekspiper.core import ColumnReader, JsonLine, LineBlock

from .encoder import Encoder
from .pyarrow_import import arrow
from .shape import REST

__all__ = ["LineReader", "encoded_apart", "has_blocks", "plain_records", "rows_in_order"]

T = TypeVar("T")

# It may also stand in a text, which does no harm.
_EMPTY_LIST = re.compile(rb"\[\s*\]")


class LineReader:
    """Reads the members of a batch that are lines, where the columns can hold all of them exactly.

    What it reads is what `Encoder` would make of the same records.

    Args:
        schema: an Arrow schema whose last column is `_rest`.
        empty_lists: as in `Encoder`. Where columns do not tell an empty list from none, lines with
            one are left out.
    """

    def __init__(self, schema: Any, *, empty_lists: bool = True) -> None:
        self._schema = schema
        self._empty_lists = empty_lists
        self._readers: dict[type[JsonLine], ColumnReader | None] = {}

    def read(self, batch: Sequence[Any]) -> tuple[Any, list[int]]:
        """A record batch, or None; and the places of the members that are not in it.

        The rows of the record batch are in order.
        """
        # One kind in nearly every batch; lines of another one go the way over their objects.
        kind = next((type(one) for one in batch if isinstance(one, JsonLine)), None)
        reader = None if kind is None else self._reader(kind)
        if reader is None:
            return None, list(range(len(batch)))
        places = [place for place, one in enumerate(batch) if type(one) is kind]
        if not self._empty_lists:
            places = [at for at in places if not _EMPTY_LIST.search(batch[at].line)]
        found, unfit = reader.read([batch[place].line for place in places])
        # An empty batch in between would only cost a merge.
        if len(unfit) == len(places):
            return None, list(range(len(batch)))
        found = self._with_rest(found)
        if not unfit and len(places) == len(batch):
            return found, []
        read = set(places).difference(places[at] for at in unfit)
        return found, [place for place in range(len(batch)) if place not in read]

    def read_blocks(self, batch: Sequence[Any]) -> Any | None:
        """A record batch of a batch that is all blocks of lines, and lines; None where a line cannot be
        held, or the members are of several kinds."""
        kinds = {one.kind if isinstance(one, LineBlock) else type(one) for one in batch}
        (kind,) = kinds if len(kinds) == 1 else (None,)
        if kind is None or not issubclass(kind, JsonLine):
            return None
        reader = self._reader(kind)
        if reader is None:
            return None
        lines = [one.lines if isinstance(one, LineBlock) else one.line for one in batch]
        if not self._empty_lists and any(map(_EMPTY_LIST.search, lines)):
            return None
        found = reader.read_blocks(lines)
        return None if found is None else self._with_rest(found)

    def _with_rest(self, found: Any) -> Any:
        """The reader knows nothing of `_rest`, which is empty where every value has its column."""
        rest = arrow().nulls(found.num_rows, self._schema.field(REST).type)
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(found.columns, self._schema, strict=False)
        ]
        return arrow().RecordBatch.from_arrays([*columns, rest], schema=self._schema)

    def _reader(self, kind: type[JsonLine]) -> ColumnReader | None:
        if kind not in self._readers:
            columns = arrow().schema(
                [_in_seconds(field) for field in self._schema if field.name != REST]
            )
            self._readers[kind] = kind.column_reader(columns)
        return self._readers[kind]


def _in_seconds(field: Any) -> Any:
    """A column of finer instants is read in whole seconds; lines with others do not fit."""
    pa = arrow()
    is_instant = pa.types.is_timestamp(field.type) and field.type.tz == "UTC"
    return field.with_type(pa.timestamp("s", tz="UTC")) if is_instant else field


def has_blocks(batch: Sequence[Any]) -> bool:
    """Whether a member is a block of lines."""
    return any(isinstance(one, LineBlock) for one in batch)


def plain_records(batch: Sequence[Any]) -> list[Any]:
    """The batch with the record of each line in its place."""
    return [one.value if isinstance(one, JsonLine) else one for one in batch]


def encoded_apart(
    batch: Sequence[Any], encode: Callable[[Sequence[Any]], tuple[T, dict[int, Exception]]]
) -> tuple[T, dict[int, Exception]]:
    """Encode a batch whose blocks are taken apart; of a block all lines are there, or none.

    Args:
        batch: records, lines, and blocks of lines.
        encode: takes the same without blocks; gives what was made, and why some are not in it.
    """
    apart: list[Any] = []
    members: list[int] = []
    for place, one in enumerate(batch):
        lines = list(one) if isinstance(one, LineBlock) else [one]
        apart += lines
        members += [place] * len(lines)
    made, failed = encode(apart)
    if not failed:
        return made, {}
    failures = {members[place]: error for place, error in failed.items()}
    # Encoded once more without the blocks that failed: their good lines must not be kept alone.
    made, _ = encode(
        [one for one, member in zip(apart, members, strict=True) if member not in failures]
    )
    return made, failures


def rows_in_order(
    batch: Sequence[Any], found: Any, missing: list[int], encoder: Encoder
) -> tuple[Any, list[int], dict[int, Exception]]:
    """What `LineReader.read` has found, with the other members encoded between its rows.

    Returns:
        a table; the member that each of its rows is; and why some members are not among them.
    """
    batches, failures, _ = encoder.encode(plain_records([batch[place] for place in missing]))
    absent = set(missing)
    members = [place for place in range(len(batch)) if place not in absent]
    members += [place for at, place in enumerate(missing) if at not in failures]
    # The rows that were read and those that were encoded, back in the order of the batch.
    order = sorted(range(len(members)), key=members.__getitem__)
    table = arrow().Table.from_batches([found, *batches]).take(order).combine_chunks()
    failed = {missing[at]: error for at, error in failures.items()}
    return table, [members[at] for at in order], failed

"""Lines of records as columns of Arrow, by the compiled codec, without objects in between."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from ekspiper.xrpl.codec import implementation

from .arrow import JSON_METADATA

__all__ = ["LineColumns"]

# Of _columns.pyx; another number means a file that was compiled from an older checkout.
_INTERFACE = 2

# The numbers of _columns.pyx.
_NOTHING, _TEXT, _INTEGER, _JSON, _INSTANT, _STRUCT, _LIST = range(7)

Row = tuple[int, bytes, int, int, int, int, int]


class LineColumns:
    """Reads lines that `RecordLines` wrote into Arrow batches.

    Use `LineColumns.of`: there may be no compiled codec.

    Args:
        schema: a `pyarrow.Schema`. A line with a field that has no column, or a value that its
            column cannot hold exactly, is left out, and `read` says so.
        builder: the class `ColumnBuilder` of the compiled codec.
    """

    def __init__(self, schema: Any, builder: Any) -> None:
        import pyarrow as pa

        self._pa = pa
        self._schema = schema
        self._types: list[Any] = []
        self._members: list[range] = []
        self._lock = Lock()  # what is read and what is taken belong together
        self._builder = builder(self._rows(pa.field("", pa.struct(list(schema)))))

    @classmethod
    def of(cls, schema: Any) -> LineColumns | None:
        """A reader for a `pyarrow.Schema`; None where the codec is pure Python."""
        if implementation() != "compiled":
            return None
        try:
            from . import _columns
        except ImportError:  # a checkout that was built before there was this extension
            return None
        return cls(schema, _columns.ColumnBuilder) if _columns.INTERFACE == _INTERFACE else None

    def read(self, lines: Sequence[bytes]) -> tuple[Any, list[int]]:
        """A `pyarrow.RecordBatch` of the lines that fit, in order, and the places of the others."""
        with self._lock:
            unfit = self._builder.read(tuple(lines))
            return self._taken(), unfit

    def read_blocks(self, blocks: Sequence[bytes]) -> Any | None:
        """A `pyarrow.RecordBatch` of all lines in blocks of lines; None where one does not fit."""
        with self._lock:
            return self._taken() if self._builder.read_blocks(tuple(blocks)) else None

    def _taken(self) -> Any:
        rows, taken = self._builder.take()
        columns = [self._array(child, rows, taken) for child in self._members[0]]
        return self._pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _array(self, number: int, slots: int, taken: list[Any]) -> Any:
        pa, kind, found = self._pa, self._types[number], taken[number]
        if found is None:  # most columns have no value in most batches
            return pa.nulls(slots, kind)
        slots, nulls, valid, offsets, values = found
        buffers = [None if valid is None else pa.py_buffer(valid)]
        buffers += [pa.py_buffer(each) for each in (offsets, values) if each is not None]
        inside = slots
        # A list has as many members as its last offset says.
        if pa.types.is_list(kind):
            inside = int.from_bytes(offsets[-4:], "little")
        children = [self._array(child, inside, taken) for child in self._members[number]]
        return pa.Array.from_buffers(kind, slots, buffers, nulls, 0, children)

    def _rows(self, record: Any) -> list[Row]:
        """The columns, level by level, so that the children of one stand together."""
        rows: list[Row] = []
        level, end = [record], 1
        while level:
            # Level by level, as Arrow wants the children of one column next to each other.
            deeper: list[Any] = []
            for field in level:
                kind, width, least, most = _kind(self._pa, field)
                children = _children(field.type) if kind in (_STRUCT, _LIST) else []
                first = end if children else 0
                rows.append((kind, field.name.encode(), width, least, most, first, len(children)))
                self._types.append(field.type)
                self._members.append(range(first, first + len(children)))
                deeper += children
                end += len(children)
            level = deeper
        return rows


def _children(kind: Any) -> list[Any]:
    """The fields of a struct, or the member of a list."""
    return [kind.value_field] if hasattr(kind, "value_field") else list(kind.fields)


def _kind(pa: Any, field: Any) -> tuple[int, int, int, int]:
    """What the compiled codec knows of a column: kind, bytes, least and most value."""
    types, kind = pa.types, field.type
    if types.is_struct(kind):
        return _STRUCT, 0, 0, 0
    if types.is_list(kind):
        return _LIST, 0, 0, 0
    # Another mark than that of JSON means something that we do not know: leave the column to the
    # way over objects.
    marked = {k: v for k, v in (field.metadata or {}).items() if k == b"ekspiper"}
    if types.is_string(kind) and (not marked or marked == JSON_METADATA):
        return _JSON if marked else _TEXT, 0, 0, 0
    if marked:
        return _NOTHING, 0, 0, 0
    if kind in (pa.int16(), pa.int32(), pa.int64()):
        bits = kind.bit_width
        return _INTEGER, bits // 8, -(1 << bits - 1), (1 << bits - 1) - 1
    if kind == pa.timestamp("s", tz="UTC"):
        return _INSTANT, 8, 0, 0
    return _NOTHING, 0, 0, 0

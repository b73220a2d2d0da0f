"""Records that are made as lines of JSON, for collectors that write lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["ColumnReader", "JsonLine", "LineCollector", "LineProcessor"]


class ColumnReader(Protocol):
    """Reads lines of records into columns, without making their objects."""

    def read(self, lines: Sequence[bytes]) -> tuple[Any, list[int]]:
        """A `pyarrow.RecordBatch` of the lines whose records the columns can hold exactly.

        Returns:
            the batch, its rows in the order of the lines; and the places of all other lines.
        """
        ...


class JsonLine:
    """A record as its line of JSON; its objects are made only if something needs them.

    Making the objects of a record and encoding them again can cost ten times as much as writing
    the line straight from the bytes that it is made of.

    Args:
        line: UTF-8, with a newline at its end.
    """

    __slots__ = ("_value", "line")

    def __init__(self, line: bytes) -> None:
        self.line = line
        self._value: Any = None

    @property
    def nbytes(self) -> int:
        """Its size, as queues count it: that of the line."""
        return len(self.line)

    @property
    def value(self) -> Any:
        """The record, parsed once."""
        if self._value is None:
            self._value = self.parse(self.line)
        return self._value

    @staticmethod
    def parse(line: bytes) -> Any:
        """The record of a line; a subclass may know a faster parser."""
        return json.loads(line)

    @classmethod
    def column_reader(cls, schema: Any) -> ColumnReader | None:
        """Reads lines of this kind into columns; None where that takes their objects.

        Args:
            schema: a `pyarrow.Schema`. A text field with the metadata `ekspiper: json` holds any
                JSON value, as text.
        """
        return None

    def to_json(self) -> Any:
        """The record, for a dead letter."""
        return self.value


@runtime_checkable
class LineProcessor(Protocol):
    """A processor that can give its outputs as lines.

    The runner calls `process_to_lines` instead of `process` if a collector of its step is a
    `LineCollector`. Every other collector and queue of the step gets `JsonLine.value`, and need
    not know about lines.
    """

    async def process_to_lines(self, item: Any) -> Iterable[Any]:
        """The outputs of an item: each a `JsonLine` or, if it cannot be one, the record itself.

        Raises the same errors as `process`.
        """
        ...


@runtime_checkable
class LineCollector(Protocol):
    """A collector that takes a `JsonLine` wherever it takes a record.

    One that is `Encoding` gets it in `encode`, every other one in `collect`.
    """

    takes_lines: bool

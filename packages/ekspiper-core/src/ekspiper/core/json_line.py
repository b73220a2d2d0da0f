"""Records as lines of JSON, what travels in blocks, and those who make and take both."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = [
    "AsyncBlockProcessor",
    "Block",
    "BlockCollector",
    "BlockProcessor",
    "ColumnReader",
    "JsonLine",
    "LineBlock",
    "LineCollector",
    "LineProcessor",
]


class ColumnReader(Protocol):
    """Reads lines of records into columns, without making their objects."""

    def read(self, lines: Sequence[bytes]) -> tuple[Any, list[int]]:
        """A `pyarrow.RecordBatch` of the lines whose records the columns can hold exactly.

        Returns:
            the batch, its rows in the order of the lines; and the places of all other lines.
        """
        ...

    def read_blocks(self, blocks: Sequence[bytes]) -> Any | None:
        """A `pyarrow.RecordBatch` of all lines in these blocks, in order; None where one cannot be
        held exactly."""
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


class Block:
    """Several items, in order, that cross queues and steps as one item with one receipt.

    It counts as the items in it wherever items are counted. Those who do not take blocks get its
    items, one after another; so does everybody where one of them fails.

    Args:
        count: how many items are in it.
        nbytes: its size, as queues count it.
    """

    __slots__ = ("count", "nbytes")

    def __init__(self, count: int, nbytes: int) -> None:
        self.count = count
        self.nbytes = nbytes

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        """The items, in order."""
        raise NotImplementedError

    def pieces(self, most: int) -> Sequence[Any]:
        """The same items in pieces of at most `most`: blocks, or the items themselves."""
        # A block knows only whole items; one that can be cut says so in a method of its own.
        return (self,) if self.count <= most else tuple(self)


class LineBlock(Block):
    """Records as lines of JSON, one after the other.

    Args:
        lines: UTF-8; each line ends with a newline, and has no other in it.
        count: how many lines there are.
        kind: what a line becomes when the block is taken apart.
    """

    __slots__ = ("kind", "lines")

    def __init__(self, lines: bytes, count: int, *, kind: type[JsonLine] = JsonLine) -> None:
        super().__init__(count, len(lines))
        self.lines = lines
        self.kind = kind

    def __iter__(self) -> Iterator[JsonLine]:
        return map(self.kind, self.split())

    def split(self) -> list[bytes]:
        """Each line by itself, with its newline."""
        # Not `split` or `splitlines`: the newline stays at the end, and other line ends stay in the
        # text.
        return io.BytesIO(self.lines).readlines()

    def pieces(self, most: int) -> Sequence[LineBlock]:
        """The same lines in blocks of at most `most`."""
        if self.count <= most:
            return (self,)
        lines = self.split()
        cuts = [lines[at : at + most] for at in range(0, len(lines), most)]
        return [LineBlock(b"".join(cut), len(cut), kind=self.kind) for cut in cuts]


@runtime_checkable
class BlockProcessor(Protocol):
    """A processor that can give its outputs as a block.

    The runner calls `to_block` before it calls `process`, in a step with a concurrency of one, if
    blocks are taken behind the step: by a `BlockCollector`, or by the steps that read its queue.
    """

    takes_blocks: bool
    """Whether an item may be a block of items. If not, it is always a single one."""

    def to_block(self, item: Any) -> Block | None:
        """The outputs of an item, or of all items of a block.

        Must not wait. None if it cannot make a block of exactly these outputs: then the runner
        has each item processed by itself, and what fails there fails alone.
        """
        ...


@runtime_checkable
class AsyncBlockProcessor(Protocol):
    """A processor that waits for its outputs and can give them as a block: answers to many requests, say.

    The runner calls `process_to_block` before it calls `process`, in an ordered step of any
    concurrency, if blocks are taken behind the step. An item that is a block counts as one there:
    a processor that has a bound on what it does at once keeps it itself.
    """

    takes_blocks: bool
    """As in `BlockProcessor`."""

    async def process_to_block(self, item: Any) -> Block | None:
        """The outputs of an item, or of all items of a block.

        None, or an error of any kind, if it cannot make a block of exactly these outputs: then the
        runner has each item processed by itself, and what fails there fails alone.
        """
        ...


@runtime_checkable
class BlockCollector(Protocol):
    """A collector that takes a `LineBlock` wherever it takes the lines in it.

    It gets it as one member of a batch, not encoded, and keeps all of it or nothing. When the block
    fails for good, its records come again one by one. `BatchPolicy.count` counts records.
    """

    takes_blocks: bool

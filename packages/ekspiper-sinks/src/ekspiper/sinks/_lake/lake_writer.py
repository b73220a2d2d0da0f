"""Takes records into a table of a lake: encodes, buffers, commits, and takes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ekspiper.core import CheckpointError, ConfigError, Position, State

from .._arrow import (
    Encoder,
    LineReader,
    Shape,
    arrow,
    encoded_apart,
    grown_table,
    has_blocks,
    plain_records,
    shape_of_schema,
    widened,
)
from .._position_row import PositionRow
from .lake_schema import ROW, lake_schema, schema_of_shape, united
from .lake_table import LakeTable

__all__ = ["Encoded", "LakeWriter"]

# Levels of structs in a schema that is found in the records; what lies deeper is JSON text.
_DEPTH = 3


@dataclass(slots=True)
class Encoded:
    """A batch as Arrow has it.

    Args:
        batches: the rows, with their numbers.
        failures: why some records are not among them, by their place in the batch.
        records: how many numbers the batch uses up, failures included.
    """

    batches: list[Any] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)
    records: int = 0


class LakeWriter:
    """The one writer of a table, and what it has not committed yet. Every method blocks.

    Rows wait in memory until the next commit. When the outcome of a commit is unknown, because
    the connection was lost in it for example, the row with the position tells whether it took
    place: it is written in the same commit.

    Args:
        schema: an Arrow schema; None finds one in the records.
    """

    def __init__(self, table: LakeTable, schema: Any) -> None:
        self.table = table
        self.pending_bytes = 0
        self._given = schema
        self._pending: list[Any] = []
        self._pending_rows = 0
        self._rows = 0
        self._row: PositionRow | None = None
        self._next: PositionRow | None = None
        self._before: Position = None
        self._encoder: Encoder | None = None
        self._line_reader: LineReader | None = None

    def open(self) -> None:
        """Load or make the table.

        Raises:
            ConfigError: it has other columns, or rows of unknown origin.
        """
        wanted = lake_schema(self._given)
        stored = self.table.open(wanted)
        # The table may have columns that we do not, as of an earlier schema: they stay, and are
        # null.
        self._use(united(stored, wanted, table=str(self.table)))
        found = self.table.position_row()
        # Taking them back later would delete somebody else's rows.
        if found is None and self.table.rows:
            raise ConfigError(
                f"{self.table} has rows that ekspiper did not write, so it is not known which "
                "records it holds; choose another table"
            )
        self._row = found or PositionRow(identity=self.table.identity)
        self._rows = self._row.written_rows

    @property
    def row(self) -> PositionRow:
        """How far the table has got, as far as is known."""
        assert self._row is not None, "the writer is open"
        return self._row

    def encode(self, batch: Sequence[Any]) -> Encoded:
        """The batch as Arrow; the schema grows where it may. Buffers nothing.

        Its members are records, lines, and blocks of lines. Of a block all rows are there, or none.
        """
        assert self._line_reader is not None, "the writer is open"
        if not has_blocks(batch):
            return self._encode_lines(batch)
        found = self._line_reader.read_blocks(batch)
        if found is not None:
            rows = found.num_rows
            return Encoded(list(self._numbered([found], range(rows))), {}, rows)
        encoded, failures = encoded_apart(batch, self._encode_apart)
        return replace(encoded, failures=failures)

    def _encode_apart(self, batch: Sequence[Any]) -> tuple[Encoded, dict[int, Exception]]:
        encoded = self._encode_lines(batch)
        return encoded, encoded.failures

    def _encode_lines(self, batch: Sequence[Any]) -> Encoded:
        assert self._encoder is not None
        assert self._line_reader is not None
        found, missing = self._line_reader.read(batch)
        # A schema that is found in the records looks at whole batches.
        if found is None or (missing and self._given is None):
            return self._encode_records(plain_records(batch))
        absent = set(missing)
        places = [place for place in range(len(batch)) if place not in absent]
        encoded = Encoded(list(self._numbered([found], places)), {}, len(batch))
        if missing:
            records = plain_records([batch[place] for place in missing])
            batches, failures, _ = self._encoder.encode(records)
            kept = [place for at, place in enumerate(missing) if at not in failures]
            encoded.batches += self._numbered(batches, kept)
            encoded.failures = {missing[at]: error for at, error in failures.items()}
        return encoded

    def _encode_records(self, batch: Sequence[Any]) -> Encoded:
        assert self._encoder is not None
        batches, failures, partial = self._encoder.encode(batch)
        # A record may have failed for want of a column: JSON has no place for a Decimal.
        unfit = [*partial, *(batch[at] for at in failures if type(batch[at]) is dict)]
        if unfit and self._given is None and self._grow(unfit):
            batches, failures, _ = self._encoder.encode(batch)
        kept = [place for place in range(len(batch)) if place not in failures]
        return Encoded(list(self._numbered(batches, kept)), failures, len(batch))

    def _grow(self, unfit: Sequence[Any]) -> bool:
        assert self._encoder is not None
        shape: Shape | None = shape_of_schema(self._encoder.schema)
        for record in unfit:
            shape = widened(shape, record, depth=_DEPTH + 1)
        assert isinstance(shape, dict)
        # Only more columns: a type that a column has never changes.
        schema = united(self._encoder.schema, schema_of_shape(shape))
        if schema.equals(self._encoder.schema, check_metadata=True):
            return False
        self._use(schema)
        return True

    def _use(self, schema: Any) -> None:
        self._encoder = Encoder(schema, empty_lists=self.table.keeps_empty_lists)
        self._line_reader = LineReader(schema, empty_lists=self.table.keeps_empty_lists)

    def _numbered(self, batches: Sequence[Any], places: Sequence[int]) -> Iterator[Any]:
        """The batches with the column `_row` in front, by the places in the batch of records."""
        pa = arrow()
        start = 0
        for batch in batches:
            numbers = [self._rows + 1 + at for at in places[start : start + batch.num_rows]]
            start += batch.num_rows
            schema = pa.schema([pa.field(ROW, pa.int64()), *batch.schema])
            columns = [pa.array(numbers, type=pa.int64()), *batch.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def add(self, encoded: Encoded) -> None:
        """Buffer an encoded batch. Does not block."""
        self._pending += encoded.batches
        self._pending_rows += sum(batch.num_rows for batch in encoded.batches)
        self.pending_bytes += sum(batch.nbytes for batch in encoded.batches)
        # Members that failed use up a number, too: numbers tell the order, and gaps do no harm.
        self._rows += encoded.records

    def commit_early(self) -> None:
        """Commit the rows without a position: a restart takes them back."""
        self._commit(lambda row: row.early(self._rows))

    def snapshot(self, position: Position) -> State:
        """Commit the rows together with the position.

        A commit without rows would only cost time: the checkpoint has the position, too.
        """
        self._commit(lambda row: row.at(position, self._rows, before=self._before))
        # The checkpoint's position, which may be later than the one of the last rows.
        return {**self.row.state, "position": self.row.position if position is None else position}

    def _commit(self, advance: Callable[[PositionRow], PositionRow]) -> None:
        if self._next is not None:
            self._reconcile()
        row = advance(self.row)
        # Rows that were committed early still need their position, although none is pending.
        if not self._pending and self.row.written_rows == self.row.snapshot_rows:
            return
        # Before the commit: when its outcome stays unknown, this says what to look for.
        self._next = row
        self.table.commit(self._pending_table(), row, after=self.row.written_rows)
        self._settle(row)

    def _reconcile(self) -> None:
        """Find out whether a commit that was begun took place."""
        found = self.table.position_row()
        if found == self._next:
            assert self._next is not None
            self._settle(self._next)
        # The commit did not take place, so the rows are still pending and go into the next one.
        elif (found.commits if found else 0) == self.row.commits:
            self._next = None
        else:
            raise CheckpointError(
                f"{self.table} has changed since it was left: another pipeline wrote to it; start "
                "again from the checkpoint"
            )

    def _settle(self, row: PositionRow) -> None:
        self._row, self._next = row, None
        self._pending, self._pending_rows, self.pending_bytes = [], 0, 0

    def _pending_table(self) -> Any:
        """The buffered rows in the newest schema."""
        pa = arrow()
        assert self._encoder is not None
        schema = pa.schema([pa.field(ROW, pa.int64()), *self._encoder.schema])
        tables = [
            pa.Table.from_batches([batch])
            if batch.schema.equals(schema)
            else grown_table(pa.Table.from_batches([batch]), schema)
            for batch in self._pending
        ]
        # An empty table first, as there may be no rows at all.
        return pa.concat_tables([schema.empty_table(), *tables]).cast(schema)

    def restore(self, state: Mapping[str, Any] | None) -> Position | None:
        """Take back what no snapshot covers; the position up to which the table is complete.

        Returns:
            None where the table holds nothing beyond the checkpoint.

        Raises:
            CheckpointError: the checkpoint belongs to another table, or to a later state of this.
        """
        now = self.row
        kept = now.back_to(state, str(self.table))
        # What was committed without a position comes again, and would be there twice.
        if kept.written_rows < now.written_rows:
            self.table.cut_back(kept)
            self._settle(kept)
        elif kept.snapshot_rows != now.snapshot_rows:
            self._settle(replace(kept, commits=now.commits))
        self._rows = self.row.written_rows
        self._before = None if state is None else state["position"]
        if state is not None and self.row.position_rows <= int(state["rows"]):
            return None
        return self.row.position

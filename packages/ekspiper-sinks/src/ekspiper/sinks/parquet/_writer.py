"""Takes records into a dataset: encodes, buffers, stages and publishes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, takewhile
from typing import Any

from ekspiper.core import ConfigError, Position, State

from .._arrow import (
    REST,
    Encoder,
    LineReader,
    Shape,
    arrow,
    arrow_schema,
    conflict,
    encoded_apart,
    grown_table,
    has_blocks,
    plain_records,
    records_of,
    rows_in_order,
    shape_of_schema,
    widened,
    with_rest,
)
from ._buffer import Buffer, Encoded
from ._dataset import Dataset
from ._manifest import Entry

__all__ = ["Writer"]

NO_LEDGER = ""
"""The partition of records without a ledger index: the dataset's folder itself."""

MANY_SMALL_FILES = 16
"""When this many small files are at the end of a partition, they become one."""


class Writer:
    """Holds what is buffered and staged, and the schema. Every method blocks.

    Args:
        dataset: an open dataset.
        schema: an Arrow schema; None finds one in the records.
        partition_ledgers: the number of ledgers in a partition.
        row_group_rows: the buffer is written out at this many rows.
        buffer_bytes: the buffer is written out at this many bytes.
        widen_rows: a dataset with more rows is not rewritten for a schema that grows.
        json_columns: fields kept as JSON text, where the schema is found in the records.
        depth: levels of structs in a schema that is found in the records.
        compact: let small files grow before readers see them, and merge those that they see.

    Raises:
        ConfigError: the dataset has another shape than `schema`.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        schema: Any,
        partition_ledgers: int,
        row_group_rows: int,
        buffer_bytes: int,
        widen_rows: int,
        json_columns: Sequence[str],
        depth: int,
        compact: bool,
    ) -> None:
        self.dataset = dataset
        self._partition_ledgers = partition_ledgers
        self._row_group_rows = row_group_rows
        self._widen_rows = widen_rows
        self._depth = depth
        self._compact = compact
        stored = dataset.manifest
        # A dataset that was made with a schema keeps it, also when it is opened without one.
        self._inferred = schema is None and (stored.inferred or not stored.entries)
        self._buffer = Buffer(rows=row_group_rows, bytes=buffer_bytes)
        self._sequence = dataset.manifest.sequence
        self._entries: list[Entry] = list(dataset.manifest.entries)
        json: dict[str, Shape] = dict.fromkeys(json_columns, "json")
        self._use(self._chosen(schema, json))

    def _use(self, schema: Any) -> None:
        self._encoder = Encoder(schema)
        self._line_reader = LineReader(schema)

    def _chosen(self, given: Any, json_columns: dict[str, Shape]) -> Any:
        """The schema to write: the given one, or the dataset's own where it has one."""
        stored = self.dataset.manifest.arrow_schema
        if given is None:
            return arrow_schema(json_columns) if stored is None else stored
        given = with_rest(given)
        if stored is None or not self._entries:
            return given
        wrong = conflict(stored, given)
        if wrong is not None:
            raise ConfigError(
                f"the dataset {self.dataset.path} has another shape than the schema: column "
                f"{wrong}; write to another folder, or use the schema that it was made with"
            )
        return given if self.dataset.manifest.rows <= self._widen_rows else stored

    @property
    def has_more(self) -> bool:
        """Whether there is anything that readers do not see."""
        return self._buffer.rows > 0 or any(entry.staged for entry in self._entries)

    @property
    def is_leaving(self) -> bool:
        """Whether rows have left the buffer and are not in a file yet."""
        return bool(self._buffer.leaving)

    @property
    def writes_aside(self) -> bool:
        """Whether rows may be written while others are encoded: encoding changes nothing then."""
        return not self._schema_may_grow()

    def encode(self, batch: Sequence[Any]) -> Encoded:
        """The batch as Arrow; the schema grows where it may. Buffers nothing.

        Its members are records, lines, and blocks of lines. Of a block all rows are there, or none.
        """
        if not has_blocks(batch):
            return self._encode(batch)
        found = self._line_reader.read_blocks(batch)
        if found is not None:
            return self._found(found)
        parts, failures = encoded_apart(batch, self._parts)
        return Encoded(parts, failures)

    def _parts(self, batch: Sequence[Any]) -> tuple[list[tuple[str, Any]], dict[int, Exception]]:
        encoded = self._encode(batch)
        return encoded.parts, encoded.failures

    def _encode(self, batch: Sequence[Any]) -> Encoded:
        found, missing = self._line_reader.read(batch)
        # A schema that may grow looks at whole batches: each grown file is written again.
        if found is None or (missing and self._schema_may_grow()):
            return self._encode_records(plain_records(batch))
        return self._encode_both(batch, found, missing) if missing else self._found(found)

    def _found(self, found: Any) -> Encoded:
        """Rows that were read from lines, and nothing else."""
        table = arrow().Table.from_batches([found])
        return Encoded(list(self._by_partition(table, self._partitions_of(found))))

    def _encode_both(self, batch: Sequence[Any], found: Any, missing: list[int]) -> Encoded:
        """Rows that were read from lines and records that were not, each in its place."""
        table, members, failures = rows_in_order(batch, found, missing, self._encoder)
        absent = set(missing)
        read = (place for place in range(len(batch)) if place not in absent)
        names = dict(zip(read, self._partitions_of(found), strict=True))
        for place in missing:
            names[place] = self._partition(*plain_records([batch[place]]))
        parts = self._by_partition(table, [names[place] for place in members])
        return Encoded(list(parts), failures)

    def _by_partition(self, table: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """The batches of a table whose rows belong to these partitions."""
        for name in dict.fromkeys(names):
            own = [row for row, each in enumerate(names) if each == name]
            rows = table if len(own) == len(names) else table.take(own).combine_chunks()
            yield from ((name, each) for each in rows.to_batches())

    def _partitions_of(self, rows: Any) -> list[str]:
        """The partition of each row, whose ledger index has a column if it is an integer."""
        if "ledger_index" not in rows.schema.names:
            return [NO_LEDGER] * rows.num_rows
        indexes = rows.column("ledger_index").to_pylist()
        names = {index: self._partition({"ledger_index": index}) for index in set(indexes)}
        return [names[index] for index in indexes]

    def _encode_records(self, batch: Sequence[Any]) -> Encoded:
        encoded = Encoded()
        for partition, places in self._partitions(batch).items():
            records = [batch[place] for place in places]
            batches, failures, partial = self._encoder.encode(records)
            # A record may have failed for want of a column: JSON has no place for a Decimal.
            unfit = [*partial, *(records[at] for at in failures if type(records[at]) is dict)]
            if unfit and self._grow(unfit):
                batches, failures, _ = self._encoder.encode(records)
            encoded.parts += [(partition, each) for each in batches]
            encoded.failures.update((places[at], error) for at, error in failures.items())
        return encoded

    def _partitions(self, batch: Sequence[Any]) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, record in enumerate(batch):
            places.setdefault(self._partition(record), []).append(place)
        return places

    def _partition(self, record: Any) -> str:
        index = record.get("ledger_index") if isinstance(record, dict) else None
        if type(index) is not int or index < 0:
            return NO_LEDGER
        first = index - index % self._partition_ledgers
        return f"ledgers-{first:010d}-{first + self._partition_ledgers - 1:010d}"

    def _grow(self, unfit: Sequence[Any]) -> bool:
        if not self._schema_may_grow():
            return False
        shape: Shape | None = shape_of_schema(self._encoder.schema)
        for record in unfit:
            shape = widened(shape, record, depth=self._depth + 1)
        assert isinstance(shape, dict)
        schema = arrow_schema(shape)
        if schema.equals(self._encoder.schema, check_metadata=True):
            return False
        self._use(schema)
        return True

    def _schema_may_grow(self) -> bool:
        rows = sum(entry.rows for entry in self._entries) + self._buffer.rows
        return self._inferred and rows <= self._widen_rows

    def is_full(self, encoded: Encoded) -> bool:
        """Whether the buffer is to be written out before this is added."""
        return self._buffer.is_full(encoded)

    def add(self, encoded: Encoded) -> None:
        """Buffer an encoded batch. Does not block."""
        self._buffer.add(encoded)

    def hand_over(self) -> None:
        """Empty the buffer for `write`. Does not block."""
        self._buffer.hand_over()

    def write(self) -> None:
        """Write what was handed over to staged files. What cannot be written is written next time.

        Where `writes_aside` says so, others may encode, add and ask meanwhile; nothing else.

        Raises:
            OSError: the disk is full, or fails in another way.
        """
        self._complete()
        # One partition at a time: after a full disk the rest is still there.
        for partition, batches in list(self._buffer.leaving.items()):
            self._stage(partition, self._table(batches))
            self._buffer.left(partition)

    def flush(self) -> None:
        """Write everything to staged files.

        Raises:
            OSError: as `write`.
        """
        self.hand_over()
        self.write()

    def _stage(self, partition: str, table: Any) -> None:
        generation = self.dataset.manifest.generation + 1
        at = self._tail(partition)
        tail = self._entries[at] if at is not None else None
        if at is None or tail is None or not self._may_grow(tail):
            name = f"{partition}/part-{self._sequence:08d}.parquet".lstrip("/")
            new = Entry(name, partition, 0, 0, ((generation, table.num_rows),))
            self._entries.append(self._staged(table, new))
            self._sequence += 1
            return
        whole = self._table([*self._read(tail), *table.to_batches()])
        segments = dict(tail.segments)
        segments[generation] = segments.get(generation, 0) + table.num_rows
        grown = replace(tail, segments=tuple(segments.items()))
        self._entries[at] = self._staged(whole, grown)

    def _tail(self, partition: str) -> int | None:
        places = range(len(self._entries) - 1, -1, -1)
        return next((at for at in places if self._entries[at].partition == partition), None)

    def _may_grow(self, tail: Entry) -> bool:
        """Only a file that readers cannot see: changing one while it is read would break the reader."""
        return self._compact and tail.staged is not None and self._is_small(tail)

    def _is_small(self, entry: Entry) -> bool:
        return entry.rows < self._row_group_rows // 4

    def _read(self, entry: Entry) -> list[Any]:
        """The rows of a file, in the current schema."""
        table = self.dataset.read(entry)
        if entry.schema != self._encoder.digest:
            return self._grown(table)
        # Parquet has its own names for the members of lists, and no whole seconds.
        return list(table.cast(self._encoder.schema).to_batches())

    def _grown(self, table: Any) -> list[Any]:
        """Rows of an older schema in the current one; what was in `_rest` finds its column."""
        pa = arrow()
        has_rest = table.column(REST).is_valid()
        plain = grown_table(table.filter(pa.compute.invert(has_rest)), self._encoder.schema)
        again, failures, _ = self._encoder.encode(list(records_of(table.filter(has_rest))))
        for error in failures.values():
            raise error
        both = pa.concat_tables([plain, pa.Table.from_batches(again, self._encoder.schema)])
        # A stable sort of false before true says where each row has gone; inverted, it undoes that.
        gone = pa.compute.sort_indices(has_rest.cast(pa.int8()))
        return list(both.take(pa.compute.sort_indices(gone)).combine_chunks().to_batches())

    def _table(self, batches: Sequence[Any]) -> Any:
        schema = self._encoder.schema
        same: list[Any] = []
        for batch in batches:
            is_same = batch.schema.equals(schema, check_metadata=True)
            same += [batch] if is_same else self._grown(arrow().Table.from_batches([batch]))
        return arrow().Table.from_batches(same, schema)

    def _staged(self, table: Any, like: Entry) -> Entry:
        return self.dataset.stage(table, replace(like, schema=self._encoder.digest))

    def _complete(self) -> None:
        """Finish a publication that failed half-way, after its commit."""
        committed = {
            each.staged for each in self.dataset.manifest.entries if each.staged and not each.hidden
        }
        if committed or self.dataset.manifest.doomed:
            self.dataset.settle()
            self._entries = [
                replace(each, staged=None) if each.staged in committed else each
                for each in self._entries
            ]

    def publish(self, position: Position, *, reveal: bool) -> State:
        """Write everything out, and make it part of the dataset.

        Args:
            position: of the source; everything up to it was added.
            reveal: let readers see small files, too, that would otherwise stay aside and grow.

        Returns:
            the dataset and its generation: what `take_back` needs.

        Raises:
            OSError: the disk is full, or fails in another way; nothing was published.
        """
        self.flush()
        manifest = self.dataset.manifest
        grown = manifest.with_schema(self._encoder.schema)
        if self._entries and grown.schema != manifest.schema:
            self._rewrite()
        if reveal and self._compact:
            self._merge_small()
        self._entries = self._revealed(all_of_them=reveal or not self._compact)
        if self._entries != list(manifest.entries):
            grown = replace(grown, sequence=self._sequence, inferred=self._inferred)
            kept = {entry.path for entry in self._entries}
            doomed = [e.path for e in manifest.entries if e.path not in kept and not e.staged]
            following = grown.next(self._entries, position=position, doomed=doomed)
            self._entries = list(following.entries)
            self.dataset.publish(following)
            self._entries = list(self.dataset.manifest.entries)
            self.dataset.sweep()
        return {"dataset": manifest.id, "generation": self.dataset.manifest.generation}

    def _rewrite(self) -> None:
        """Bring every file to the current schema: readers take the first one's for all."""
        for at, entry in enumerate(self._entries):
            # Polars and DuckDB fail on files that differ, unless each query says how to unite them.
            if entry.schema != self._encoder.digest:
                self._entries[at] = self._staged(self._table(self._read(entry)), entry)

    def _merge_small(self) -> None:
        """Make the small files at the end of each partition one, where there are many."""
        for partition in {entry.partition for entry in self._entries}:
            places = [at for at, e in enumerate(self._entries) if e.partition == partition]
            small = list(takewhile(lambda at: self._is_small(self._entries[at]), places[::-1]))
            if len(small) >= MANY_SMALL_FILES:
                self._merge(sorted(small))

    def _merge(self, places: list[int]) -> None:
        entries = [self._entries[at] for at in places]
        batches = [batch for entry in entries for batch in self._read(entry)]
        segments: dict[int, int] = {}
        for generation, rows in chain.from_iterable(entry.segments for entry in entries):
            segments[generation] = segments.get(generation, 0) + rows
        whole = replace(entries[0], segments=tuple(segments.items()))
        self._entries[places[0]] = self._staged(self._table(batches), whole)
        gone = set(places[1:])
        self._entries = [entry for at, entry in enumerate(self._entries) if at not in gone]

    def _revealed(self, *, all_of_them: bool) -> list[Entry]:
        """The files, hidden or not: whatever stands before one that readers see, they see."""
        entries: list[Entry] = []
        visible = {each.path for each in self.dataset.manifest.entries if not each.hidden}
        shown = all_of_them
        for entry in reversed(self._entries):
            shown = shown or entry.path in visible or not self._is_small(entry)
            hidden = entry.staged is not None and not shown
            entries.append(entry if entry.hidden == hidden else replace(entry, hidden=hidden))
        return entries[::-1]

    def take_back(self, generation: int) -> None:
        """Go back to an earlier generation of the dataset; see `Dataset.take_back`."""
        self.dataset.take_back(generation)
        self._entries = list(self.dataset.manifest.entries)

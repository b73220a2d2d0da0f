"""One table of Delta Lake, with the position of the source in its commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ekspiper.core import CheckpointError, ConfigError, EkspiperError, Retryable

from .._arrow import arrow
from .._checks import missing_extra, reason_of
from .._lake import ROW, LakeTable, canonical, row_as_json, row_from_json
from .._position_row import PositionRow

__all__ = ["LEDGERS", "DeltaTable", "deltalake"]

LEDGERS = "_ledgers"
"""The column that the table is partitioned by: the first ledger of a range."""

_APP = "ekspiper"
# Newest commits to look through for our last one: behind it are those of maintenance jobs.
_HISTORY = (1, 32, 1024, None)


def deltalake() -> Any:
    """The module `deltalake`.

    Raises:
        MissingExtra: it is not installed, or pyarrow is not.
    """
    try:
        import deltalake
        import deltalake.exceptions
        import pyarrow  # noqa: F401  # rows are made of it
    except ImportError as error:
        raise missing_extra("Delta Lake", error, extra="delta") from error
    return deltalake


class DeltaTable(LakeTable):
    """One table. Each commit of ours has the next transaction version of the application
    `ekspiper`, and the position of the source in its information.

    Args:
        path: a folder or a URL.
        partition_ledgers: the number of ledgers in a partition.
    """

    keeps_empty_lists = True

    def __init__(self, path: str, partition_ledgers: int) -> None:
        self._path = path
        self._partition_ledgers = partition_ledgers
        self._table: Any = None

    def __str__(self) -> str:
        return f"the Delta table {self._path}"

    def open(self, schema: Any) -> Any:
        """Load the table, or make it for this schema."""
        pa = arrow()
        with self._errors(opening=True):
            self._table = deltalake().DeltaTable.create(
                self._path,
                # Statistics are kept of the first 32 columns: those to look rows up by go first.
                schema=pa.schema(
                    [pa.field(ROW, pa.int64()), pa.field(LEDGERS, pa.int64()), *schema]
                ),
                # Whoever makes it first wins; the other one takes it as it is.
                mode="ignore",
                partition_by=[LEDGERS],
            )
            stored = pa.schema(self._table.schema().to_arrow())
            return canonical(_without_ledgers(stored))

    @property
    def identity(self) -> str:
        """The id in the table's metadata."""
        return str(self._table.metadata().id)

    @property
    def rows(self) -> int:
        """The number of rows, by the statistics of the files."""
        # Not by `count`, which deltalake 1.2 lacks. It cannot give the statistics of no files, either.
        if not self._table.file_uris():
            return 0
        files = arrow().table(self._table.get_add_actions(flatten=True))
        return arrow().compute.sum(files.column("num_records")).as_py() or 0

    def position_row(self) -> PositionRow | None:
        """How far the table has got at our newest commit."""
        with self._errors():
            self._table.update_incremental()
            version = self._table.transaction_version(_APP)
            if version is None:
                return None
            # Nearly always among the newest: the whole log is read only where nothing else helps.
            for limit in _HISTORY:
                for commit in self._table.history(limit):
                    found = commit.get(_APP)
                    if found is not None and row_from_json(found).commits == version:
                        return row_from_json(found)
        raise CheckpointError(
            f"{self}: commit {version} of ekspiper is not in the log any more, so it is not known "
            "which position the table is at; write to another table"
        )

    def commit(self, rows: Any, row: PositionRow, *, after: int) -> None:
        """Append rows, in a commit that has the next version of our application.

        Delta Lake refuses a version that a concurrent commit has taken, but not one that was taken
        before: so the newest version is read first.
        """
        with self._errors():
            self._refuse_taken(row)
            deltalake().write_deltalake(
                self._table,
                self._partitioned(rows),
                mode="append",
                schema_mode="merge",
                commit_properties=self._properties(row),
            )
            self._table.update_incremental()

    def cut_back(self, row: PositionRow) -> None:
        """Delete the rows that came later, in a commit that has the next version."""
        with self._errors():
            self._refuse_taken(row)
            self._table.delete(
                f"{ROW} > {row.written_rows}", commit_properties=self._properties(row)
            )
            self._table.update_incremental()

    def _refuse_taken(self, row: PositionRow) -> None:
        self._table.update_incremental()
        taken = self._table.transaction_version(_APP) or 0
        # Delta Lake checks this again when it writes; here it is found before the rows are
        # uploaded.
        if taken != row.commits - 1:
            raise Retryable(f"{self} is at commit {taken} of ekspiper, not at {row.commits - 1}")

    def _partitioned(self, rows: Any) -> Any:
        pa = arrow()
        if "ledger_index" in rows.schema.names:
            width = self._partition_ledgers
            ledgers = rows.column("ledger_index")
            first = pa.compute.multiply(pa.compute.divide(ledgers, width), width)
        else:
            # Records without a ledger are in one partition, without a number.
            first = pa.nulls(rows.num_rows, pa.int64())
        return rows.add_column(1, pa.field(LEDGERS, pa.int64()), first)

    def _properties(self, row: PositionRow) -> Any:
        module = deltalake()
        return module.CommitProperties(
            custom_metadata={_APP: row_as_json(row)},
            # Delta Lake refuses a second commit with this number: so two runs cannot both write.
            app_transactions=[module.Transaction(_APP, row.commits)],
        )

    def close(self) -> None:
        """Forget the table; there is nothing to close."""
        self._table = None

    @contextmanager
    def _errors(self, *, opening: bool = False) -> Iterator[None]:
        """Errors of the store, as ours. A mistake is found when the table is opened."""
        exceptions = deltalake().exceptions
        try:
            yield
        except EkspiperError:
            raise
        except Exception as error:
            text = f"{self}: {reason_of(error)}"
            mistakes = (ValueError, exceptions.SchemaMismatchError, exceptions.DeltaProtocolError)
            if opening and isinstance(error, mistakes):
                raise ConfigError(text) from error
            if isinstance(error, OSError | exceptions.DeltaError):
                raise Retryable(text) from error
            raise


def _without_ledgers(schema: Any) -> Any:
    return arrow().schema([field for field in schema if field.name != LEDGERS])

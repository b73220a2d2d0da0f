"""One table of Iceberg, with the position of the source in its properties."""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ekspiper.core import ConfigError, EkspiperError, Retryable

from .._arrow import arrow
from .._checks import reason_of
from .._lake import LEDGER, ROW, LakeTable, canonical, row_as_json, row_from_json
from .._position_row import PositionRow
from ._catalog import CatalogSettings

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table, Transaction

__all__ = ["IcebergTable", "quietly"]

_PROGRESS = "ekspiper.position-row"
# How often a commit is made on what somebody else has made of the table meanwhile.
_TRIES = 8
# Errors of these packages come from the catalog or the store, and may pass; others are ours.
_LIBRARIES = ("pyiceberg.", "sqlalchemy.", "requests.", "botocore.", "google.", "azure.")

_PROPERTIES = {
    # A commit reads every manifest; small ones are merged, so that there are not too many.
    "commit.manifest-merge.enabled": "true",
    # Each commit writes all metadata again: the old files would pile up.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "50",
}

_quiet = threading.Lock()


class IcebergTable(LakeTable):
    """One table. The position of the source is a property, set in the commit of the rows.

    Args:
        identifier: the table's name after its namespace and a dot.
        partition_ledgers: the number of ledgers in a partition.

    Raises:
        ConfigError: the identifier has no namespace.
    """

    keeps_empty_lists = False
    """PyIceberg 0.12 writes missing lists of structs as empty ones, and reads them so."""

    def __init__(self, settings: CatalogSettings, identifier: str, partition_ledgers: int) -> None:
        namespace, dot, name = identifier.rpartition(".")
        if not (namespace and dot and name):
            raise ConfigError(
                f"the table {identifier!r} needs a namespace: write NAMESPACE.TABLE, e.g. "
                "xrpl.transactions"
            )
        self._settings = settings
        self._namespace = namespace
        self._identifier = identifier
        self._partition_ledgers = partition_ledgers
        self._catalog: Catalog | None = None
        self._table: Table | None = None

    def __str__(self) -> str:
        return f"the table {self._identifier} in {self._settings}"

    def open(self, schema: Any) -> Any:
        """Load the table, or make it for this schema."""
        from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

        with self._errors(opening=True):
            catalog = self._catalog = self._settings.load(make=True)
            catalog.create_namespace_if_not_exists(self._namespace)
            try:
                self._table = catalog.load_table(self._identifier)
            except NoSuchTableError:
                try:
                    self._table = self._make(catalog, schema)
                except TableAlreadyExistsError:  # somebody was faster
                    self._table = catalog.load_table(self._identifier)
            return canonical(self._table.schema().as_arrow())

    def _make(self, catalog: Catalog, schema: Any) -> Table:
        from pyiceberg.transforms import TruncateTransform

        pa = arrow()
        full = pa.schema([pa.field(ROW, pa.int64()), *schema])
        with catalog.create_table_transaction(
            self._identifier, schema=full, properties=_PROPERTIES
        ) as transaction:
            # By ranges of ledgers, which queries and backfills ask for; other records have one
            # partition.
            if "ledger_index" in schema.names:
                with transaction.update_spec() as spec:
                    width: TruncateTransform[int] = TruncateTransform(width=self._partition_ledgers)
                    spec.add_field("ledger_index", width, "ledgers")
        return catalog.load_table(self._identifier)

    @property
    def identity(self) -> str:
        """The UUID in the table's metadata."""
        return str(self._opened.metadata.table_uuid)

    @property
    def rows(self) -> int:
        """The number of rows, as the newest snapshot says."""
        snapshot = self._opened.current_snapshot()
        if snapshot is None or snapshot.summary is None:
            return 0
        return int(snapshot.summary["total-records"] or 0)

    def position_row(self) -> PositionRow | None:
        """How far the table has got at its newest commit."""
        with self._errors():
            text = self._opened.refresh().properties.get(_PROGRESS)
        return None if text is None else row_from_json(text)

    def commit(self, rows: Any, row: PositionRow, *, after: int) -> None:
        """Add rows and set the property, in one commit.

        `append` would not do: PyIceberg tries a commit again on what a second writer has made of
        the table, and both have then added the same rows. Overwriting all rows that come after
        ours is refused when there are some; otherwise it replaces nothing.
        """
        with self._errors():
            self._refuse_taken(row)
            self._grow(rows.schema)
            with self._opened.transaction() as transaction:
                if rows.num_rows:
                    transaction.overwrite(rows, overwrite_filter=f"{ROW} > {after}")
                self._write(transaction, row)

    def replace(self, rows: Any, first: int, last: int) -> None:
        """Put rows in the place of those of ledgers `first` to `last`, in one commit.

        Done again, it changes nothing. What somebody else commits meanwhile makes PyIceberg refuse
        it, and it is done again on what the table has become.
        """
        from pyiceberg.exceptions import CommitFailedException, ValidationException

        with self._errors():
            for attempt in range(_TRIES):
                try:
                    self._opened.refresh()
                    self._grow(rows.schema)
                    self._opened.overwrite(rows, overwrite_filter=_between(first, last))
                except (CommitFailedException, ValidationException):
                    if attempt == _TRIES - 1:
                        raise
                    # At random, so that two writers do not meet again at each try. It runs in a
                    # thread.
                    time.sleep(random.uniform(0, 0.1 * 2**attempt))
                else:
                    return

    def remove(self, first: int, last: int) -> None:
        """Delete the rows of ledgers."""
        with self._errors():
            self._opened.refresh().delete(_between(first, last))

    def read(self, columns: Sequence[str], first: int, last: int) -> Any:
        """An Arrow table of these columns, of ledgers `first` to `last`."""
        with self._errors():
            filter_ = _between(first, last)
            scan = self._opened.refresh().scan(row_filter=filter_, selected_fields=tuple(columns))
            return scan.to_arrow()

    def exists(self) -> bool:
        """Whether the table was made, by anybody."""
        with self._errors(opening=True):
            catalog = self._settings.load(make=True)
            try:
                return bool(catalog.table_exists(self._identifier))
            finally:
                catalog.close()

    def _refuse_taken(self, row: PositionRow) -> None:
        """Load the newest metadata: snapshots that we know of may have expired meanwhile."""
        text = self._opened.refresh().properties.get(_PROGRESS)
        taken = 0 if text is None else row_from_json(text).commits
        if taken != row.commits - 1:
            raise Retryable(f"{self} is at commit {taken} of ekspiper, not at {row.commits - 1}")

    def _grow(self, schema: Any) -> None:
        stored = canonical(self._opened.schema().as_arrow())
        # Only where it differs: each update of a schema is a commit.
        if not canonical(schema).equals(stored):
            with self._opened.update_schema() as update:
                # By name and never by place: rows of an older schema may come later.
                update.union_by_name(schema)

    def cut_back(self, row: PositionRow) -> None:
        """Delete the rows that came later, and set the property, in one commit."""
        with self._errors():
            self._refuse_taken(row)
            with self._opened.transaction() as transaction:
                transaction.delete(f"{ROW} > {row.written_rows}")
                self._write(transaction, row)

    def _write(self, transaction: Transaction, row: PositionRow) -> None:
        transaction.set_properties({_PROGRESS: row_as_json(row)})

    def close(self) -> None:
        """Close the catalog."""
        catalog, self._catalog, self._table = self._catalog, None, None
        if catalog is not None:
            catalog.close()

    @property
    def _opened(self) -> Table:
        assert self._table is not None, "the table is open"
        return self._table

    @contextmanager
    def _errors(self, *, opening: bool = False) -> Iterator[None]:
        """Errors of the catalog and the store, as ours. A mistake is found when it is opened."""
        from pyiceberg import exceptions

        mistakes = (
            ValueError,
            PermissionError,
            NotADirectoryError,
            exceptions.UnauthorizedError,
            exceptions.ForbiddenError,
            exceptions.NoSuchPropertyException,
        )
        try:
            with quietly():
                yield
        except EkspiperError:
            raise
        except Exception as error:
            text = f"{self}: {reason_of(error)}"
            if opening and isinstance(error, mistakes):
                raise ConfigError(text) from error
            module = f"{type(error).__module__}."
            if isinstance(error, OSError) or module.startswith(_LIBRARIES):
                raise Retryable(text) from error
            raise


def _between(first: int, last: int) -> str:
    return f"{LEDGER} >= {first} and {LEDGER} <= {last}"


@contextmanager
def quietly() -> Iterator[None]:
    """Without PyIceberg's warning that an overwrite had nothing to delete, which is the rule here.

    Filters of warnings belong to the process: one thread at a time may change them.
    """
    with _quiet, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Delete operation did not match any records")
        yield

"""Proven ledgers on disk: they never change, so reading them again needs no network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ekspiper.core import EkspiperError, MissingExtra
from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.codec import Decoder, Definitions, LedgerHeader, TransactionBlobs
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.verify import verify_ledger

# What a file holds of each ledger; the last three are those of `TransactionBlobs`.
_COLUMNS = {
    "ledger_index": "uint32",
    "ledger_hash": "string",
    "header": "binary",
    "data": "binary",
    "spans": "binary",
    "ids": "binary",
}

# In a row group: few, as one ledger is often read alone. A file that has another number of them cannot be
# read in part, and is written anew.
_GROUP_LEDGERS = 16

__all__ = ["CacheRows", "CachedRun", "DamagedCache", "LedgerCache", "default_cache_folder"]


class DamagedCache(EkspiperError):
    """A file of the cache that does not hold what its name says; it is deleted and read again."""


@dataclass(frozen=True, slots=True)
class CachedRun:
    """Ledgers in a row that one file holds.

    Attributes:
        path: the file.
        first, last: what is wanted of it.
        file_first, file_last: all that it holds.
        anchor: how the hash of its last ledger begins, upper-case hex.
    """

    path: Path
    first: int
    last: int
    file_first: int
    file_last: int
    anchor: str


class CacheRows:
    """The next ledgers in a row for a file of the cache: their bytes, and nothing of what is decoded.

    Args:
        ledgers: the first of them.
    """

    def __init__(self, ledgers: Iterable[Ledger] = ()) -> None:
        self.size = 0
        """Bytes of their transactions."""
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for each in ledgers:
            self.add(each)

    def __len__(self) -> int:
        return len(self._columns["ledger_index"])

    @property
    def first(self) -> int:
        """The index of the first one."""
        return int(self._columns["ledger_index"][0])

    @property
    def last(self) -> int:
        """The index of the last one."""
        return int(self._columns["ledger_index"][-1])

    @property
    def anchor(self) -> str:
        """How the hash of the last one begins."""
        return str(self._columns["ledger_hash"][-1][:16])

    def add(self, ledger: Ledger) -> None:
        """The next ledger."""
        blobs = ledger.blobs or TransactionBlobs.of_transactions(
            (bytes.fromhex(each.hash), each.tx_blob, each.meta_blob) for each in ledger.transactions
        )
        self.size += ledger.size
        row = (
            ledger.ledger_index,
            ledger.ledger_hash,
            ledger.header.to_bytes(),
            blobs.data,
            blobs.spans,
            blobs.ids,
        )
        for column, cell in zip(self._columns.values(), row, strict=True):
            column.append(cell)

    def table(self) -> Any:
        """They as a table of Arrow."""
        import pyarrow as pa

        return pa.table(self._columns, schema=_schema())


def default_cache_folder() -> Path:
    """Where ledgers are cached: the user's cache folder, by the XDG base directory rules."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ekspiper" / "ledgers"


class LedgerCache:
    """Files of ledgers in a row, as Parquet, with the very bytes that were proven.

    What is read is proven again, so a file that was damaged or replaced is noticed. Several
    explorers may use one folder: a file appears whole or not at all, and never changes.

    Args:
        folder: of one network.
        max_bytes: when the files are larger than this in all, those unused longest are deleted.
        definitions: what its transactions are decoded by; the bundled ones without it.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int, definitions: Definitions | None = None
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._decoder = Decoder(definitions, shape="record")

    def runs(self, first: int, last: int) -> list[CachedRun]:
        """What is there of a range, in order; no ledger twice."""
        found: list[CachedRun] = []
        begin = first
        # Files overlap where explorers wrote side by side; of two that begin alike the longer one
        # counts.
        for run in sorted(self._files(), key=lambda run: (run.file_first, -run.file_last)):
            low, high = max(run.file_first, begin), min(run.file_last, last)
            if low <= high:
                found.append(
                    CachedRun(run.path, low, high, run.file_first, run.file_last, run.anchor)
                )
                begin = high + 1
        return found

    def held(self) -> LedgerSet:
        """Every ledger that is there."""
        return LedgerSet.of((run.file_first, run.file_last) for run in self._files())

    def read(self, run: CachedRun, *, network_id: int | None) -> list[Ledger]:
        """The ledgers of a run, proven again.

        Raises:
            DamagedCache: the file is not what it was when it was written.
        """
        parquet = _parquet()
        try:
            with parquet.ParquetFile(run.path) as file:
                # To the end of the file, also when less is wanted: the name proves its last ledger,
                # and the chain leads from there to the others.
                wanted = range(
                    (run.first - run.file_first) // _GROUP_LEDGERS, file.metadata.num_row_groups
                )
                table = file.read_row_groups(list(wanted), use_threads=False)
            table = table.slice((run.first - run.file_first) % _GROUP_LEDGERS)
            ledgers = list(_from_table(table, network_id, self._decoder))
            _check_chain(ledgers, run)
        except (OSError, ValueError, KeyError, TypeError, EkspiperError) as error:
            raise DamagedCache(f"{run.path}: {error}") from error
        with suppress(OSError):
            # The time of the last use, by which `_evict` chooses; access times are switched off on
            # many disks.
            os.utime(run.path)
        return [ledger for ledger in ledgers if ledger.ledger_index <= run.last]

    def write(self, ledgers: CacheRows) -> Path:
        """Keep proven ledgers in a row; written aside and renamed."""
        parquet = _parquet()
        table = ledgers.table()
        name = f"{ledgers.first:010d}-{ledgers.last:010d}-{ledgers.anchor}.parquet"
        self.folder.mkdir(parents=True, exist_ok=True)
        # A name of its own, as several explorers may write the same ledgers at once. Not synced to
        # disk: a file that a power cut spoils does not prove itself, and is read again.
        handle, aside = tempfile.mkstemp(prefix=".", suffix=".part", dir=self.folder)
        os.close(handle)
        try:
            parquet.write_table(
                table,
                aside,
                # Hashes do not become smaller, and no blob is there twice.
                compression={
                    name: "zstd" if name in ("data", "spans") else "none" for name in _COLUMNS
                },
                use_dictionary=False,
                write_statistics=False,
                row_group_size=_GROUP_LEDGERS,
            )
            Path(aside).replace(self.folder / name)
        finally:
            Path(aside).unlink(missing_ok=True)
        self._evict(self.folder / name)
        return self.folder / name

    def forget(self, run: CachedRun) -> None:
        """Delete the file of a run."""
        run.path.unlink(missing_ok=True)

    def _files(self) -> Iterator[CachedRun]:
        for path in self.folder.glob("*-*-*.parquet"):
            low, high, anchor = path.stem.split("-", 2)
            if low.isdigit() and high.isdigit() and int(low) <= int(high):
                yield CachedRun(path, int(low), int(high), int(low), int(high), anchor)

    def _evict(self, newest: Path) -> None:
        sized = []
        for run in self._files():
            with suppress(OSError):
                stat = run.path.stat()
                sized.append((run.path == newest, stat.st_mtime, stat.st_size, run.path))
        total = sum(size for _, _, size, _ in sized)
        for is_newest, _, size, path in sorted(sized):
            # The newest is last in the order, and stays even where it is larger than the bound.
            if total <= self.max_bytes or is_newest:
                return
            path.unlink(missing_ok=True)
            total -= size


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra(
            "the cache of ledgers needs pyarrow: pip install 'ekspiper-xrpl[notebook]', "
            "or make the explorer with cache=False"
        ) from None
    return parquet


@cache
def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([(name, getattr(pa, kind)()) for name, kind in _COLUMNS.items()])


def _from_table(table: Any, network_id: int | None, decoder: Decoder) -> Iterator[Ledger]:
    """The ledgers of a table, each proven."""
    columns = (table.column(name).to_pylist() for name in _COLUMNS)
    for _, ledger_hash, header, data, spans, ids in zip(*columns, strict=True):
        blobs = TransactionBlobs(data, spans, ids)
        blobs.check()
        ledger = Ledger.of_blobs(
            LedgerHeader.from_bytes(header),
            ledger_hash=ledger_hash,
            blobs=blobs,
            decoder=decoder,
            network_id=network_id,
        )
        verify_ledger(ledger)
        yield ledger


def _check_chain(ledgers: Sequence[Ledger], run: CachedRun) -> None:
    """Every ledger is there, each names the one before, and the last is the one in the name."""
    indexes = [ledger.ledger_index for ledger in ledgers]
    if indexes != list(range(run.first, run.file_last + 1)):
        raise ValueError("ledgers are missing")
    if not ledgers[-1].ledger_hash.startswith(run.anchor):
        raise ValueError("its last ledger is another one")
    for before, after in pairwise(ledgers):
        if after.parent_hash != before.ledger_hash:
            raise ValueError(f"ledger {after.ledger_index} does not follow the one before it")

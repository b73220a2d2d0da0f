"""The work of one task: a chunk of ledgers, fetched, proven, decoded and written aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekspiper.core import Collector, Permanent, Run, registry
from ekspiper.core.chunks import Chunk, ChunkStore, Staged
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.event_loop import run_in_event_loop
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.open_network import OpenNetwork
from ekspiper.xrpl.processors import DriftReport, FetchLedger, LedgerLink, TransactionEtl
from ekspiper.xrpl.sources import LedgerRange, LedgerRef

from ._headers import Headers, headers_of, row_count
from ._task import file_of, garbage_collected_rarely, opened_by_worker, reason_of

__all__ = ["ChunkFetch", "FetchedChunk"]

LETTERS = "dead_letters.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedChunk:
    """What came of a chunk.

    Attributes:
        failure: why nothing of it was kept; None: it was.
        staged: its files, to be published or discarded; None: there are none.
        headers: which ledgers are in them; None: none are.
        reasons: why others are not, by ledger.
        dead_letters: how many items of any kind went to the dead letters.
        transactions: how many records of transactions there are.
        drift: what did not fit the schema.
    """

    failure: str | None = None
    staged: Staged | None = None
    headers: Headers | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    dead_letters: int = 0
    transactions: int = 0
    drift: DriftReport = field(default_factory=lambda: DriftReport(0, 0))


# Not in the repr, which Dask shows and logs: the URLs of nodes may have passwords in them.
@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFetch:
    """Fetches chunks, each in its own call: `fetch(chunk)`, on any thread of any machine.

    Args:
        store: where the files are written aside.
        format: the collector whose files they are.
        network: a name or URLs, as on the command line.
        network_id: of the network that all nodes must belong to.
        definitions: to read the ledgers by, the same for all workers.
        verify: prove every ledger.
        books: record the order books as well.
        concurrency: ledgers asked for at once.
        pool: arguments of `NodePool`: its share of window and rate among them.
        known: ledgers that are there already, which those next to them must fit.
        signers: first and last of ledgers that will be proven before they are published, and the
            ledger whose signatures prove them, which their records name.
    """

    store: ChunkStore = field(repr=False)
    format: str = "parquet"
    network: str = field(repr=False)
    network_id: int | None
    definitions: Definitions | None = None
    verify: bool = True
    books: bool = False
    concurrency: int = 32
    pool: dict[str, Any] = field(default_factory=dict)
    known: Sequence[LedgerLink] = field(default=(), repr=False)
    signers: Sequence[tuple[int, int, int]] = field(default=(), repr=False)

    def __call__(self, chunk: Chunk) -> FetchedChunk:
        """Fetch a chunk. When that fails, nothing of it is kept, and the result says why.

        Only a `BaseException` is raised: other errors may not survive the way back from the
        worker, as not each can be pickled, and Dask would log them there, with their arguments.
        """
        try:
            with garbage_collected_rarely():
                return run_in_event_loop(self._fetch(chunk))
        except Exception as error:
            return FetchedChunk(failure=reason_of(error))

    async def _fetch(self, chunk: Chunk) -> FetchedChunk:
        with self.store.aside(chunk) as aside:
            async with opened_by_worker(
                self.network, self.network_id, self.definitions, self.pool
            ) as opened:
                etl = TransactionEtl(
                    opened.pool.definitions, network_id=opened.pool.network_id or 0
                )
                letters = _Letters(aside.folder / LETTERS)
                run = self._start(chunk, aside.folder, opened, etl, letters)
                await run.finish()
            # Records that are missing are mostly missing because of what the first letter says.
            why = next(iter(letters.reasons.values()), "")
            headers = _finished(aside.folder, books=self.books, why=why)
        made = run.statistics().steps.get("transaction-record/etl")
        return FetchedChunk(
            # Dead letters alone are published as well: they say what the ledgers failed with.
            staged=aside.staged if headers is not None or letters.count else None,
            headers=headers,
            reasons=letters.reasons,
            dead_letters=letters.count,
            transactions=made.items_out if made else 0,
            drift=etl.report(),
        )

    def _start(
        self,
        chunk: Chunk,
        folder: Path,
        opened: OpenNetwork,
        etl: TransactionEtl,
        letters: Collector[Any],
    ) -> Run:
        kinds = ("transactions", "ledgers", *(("book_offers", "amms") if self.books else ()))
        fetch = _FetchSigned(
            opened.pool,
            signers=self.signers,
            verify=self.verify,
            # Only its neighbours: a link to any other ledger could never be compared.
            known=[link for link in self.known if _is_beside(link, chunk)],
        )
        return ledger_pipeline(
            LedgerRange(opened.pool, (chunk.first, chunk.last)),
            fetch_ledger=fetch,
            pool=opened.pool,
            collectors={records: [file_of(folder, records, self.format)] for records in kinds},
            etl=etl,
            fetch_concurrency=self.concurrency,
            books=self.books,
        ).start(dead_letters=letters)


def _is_beside(link: LedgerLink, chunk: Chunk) -> bool:
    return link.ledger_index in (chunk.first - 1, chunk.last + 1)


def _finished(folder: Path, *, books: bool, why: str) -> Headers | None:
    """What is in the files of a chunk; those without any record are removed.

    Args:
        why: what the first dead letter says: the cause where something is missing.

    Raises:
        Permanent: transactions are missing, or the chain is broken.
    """
    # Read back from the files, and not counted on the way: what counts is what was written.
    headers = headers_of(folder / "ledgers.parquet")
    transactions = row_count(folder / "transactions.parquet")
    if transactions != headers.transactions:
        raise Permanent(
            f"{transactions} transactions were written, the ledgers have {headers.transactions}"
            f"{why and ': '}{why}"
        )
    for fault in headers.faults.values():
        raise Permanent(fault)
    for name in ("transactions", "ledgers", *(("book_offers", "amms") if books else ())):
        file = folder / f"{name}.parquet"
        # An empty file is a file that readers would open for nothing.
        if not row_count(file):
            file.unlink()
    return headers if headers.ledgers else None


class _FetchSigned(FetchLedger):
    """Says in each ledger by which one it is signed: it is published only where that is proven."""

    def __init__(self, pool: Any, *, signers: Sequence[tuple[int, int, int]], **options: Any):
        super().__init__(pool, **options)
        self._signers = signers

    async def fetch(self, ref: LedgerRef) -> Ledger:
        ledger = await super().fetch(ref)
        for first, last, signed_by in self._signers:
            if first <= ledger.ledger_index <= last:
                ledger.signed_by = signed_by
        return ledger


class _Letters(Collector[dict[str, Any]]):
    """Dead letters as lines of a file, which is made for the first of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.reasons: dict[int, str] = {}
        self.count = 0

    async def collect(self, batch: Sequence[dict[str, Any]]) -> None:
        """Keep the letters."""
        # Opened for each batch, so that a chunk without letters, as nearly all are, makes no file.
        jsonl = registry.load("collectors", "jsonl")(self._path)
        async with jsonl:
            await jsonl.collect(batch)
        self.count += len(batch)
        for letter in batch:
            # The first reason: later letters of a ledger mostly follow from it.
            self.reasons.setdefault(letter["position"], letter["message"])

"""Cuts a range into chunks, has workers fetch them, and holds the chain together across them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ekspiper.core import ConfigError, in_thread
from ekspiper.core.chunks import Chunk, ChunkStore, Outcome, cut
from ekspiper.xrpl.attestation import Notary
from ekspiper.xrpl.backfill import BackfillReport
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.networks import find_network
from ekspiper.xrpl.processors import DriftReport, LedgerLink
from ekspiper.xrpl.sources import LedgerRange

from ._headers import Headers, breaks, headers_of
from ._signed_chain import Span
from ._signing import Signing, spans_of
from ._task import reason_of
from .chunk_fetch import ChunkFetch, FetchedChunk
from .cluster_job import ClusterJob, ClusterProgress
from .fair_share import FairShare, fair_share
from .stores import ABOUT, PARTITION, format_of, keep_definitions
from .workers import Workers

__all__ = ["ClusterBackfill"]

log = logging.getLogger("ekspiper")

# Chunks have one of these numbers of ledgers: each divides a partition.
_SIZES = (1000, 500, 250, 200, 125, 100, 50, 25, 20, 10)

# A range is cut so small that each worker gets this many chunks, where it is large enough.
_CHUNKS_EACH = 2

# Chunks that wait for the proof of a later one, before headers are asked for in its place.
_HELD_EACH = 4

_READ_AT_ONCE = 16
_STOPPED = "not fetched: the backfill was stopped before"


class ClusterBackfill(ClusterJob):
    """Brings a store to hold all ledgers of `ranges`, with any number of workers.

    Call `plan` first, when the store is locked: it repairs what a crash left, and finds out what
    is missing from the files themselves. Then `run`, with workers, and `conclude`. This process
    publishes what the workers return, and only what fits the chain; they can do no harm.

    With a notary, nothing is published before it is proven by signatures. Chunks are fetched from the
    newest to the oldest then, as the proof goes that way.

    The bounds of `NodePool` hold for all workers together: twenty ask a node for no more than one.

    Args:
        network: a name or URLs, as on the command line; the workers open it themselves.
        pool: open nodes of that network, to find out what is wanted.
        ranges: as on the command line.
        store: as in `open_store`.
        verify: prove every ledger.
        books: record the order books as well.
        concurrency: ledgers asked for at once, by all workers.
        chunk: ledgers in a chunk; None: 1,000, or less where the range is too short for that.
        backwards: from the last chunk to the first.
        connect_timeout: seconds within which a node must answer a worker.
        notary: proves the ledgers by signatures; without it, hashes alone are checked.
        signed_only: fail where a range cannot be proven by signatures; without, it is recorded as
            hashed.
    """

    def __init__(
        self,
        network: str,
        pool: NodePool,
        ranges: Sequence[str],
        store: ChunkStore,
        *,
        verify: bool = True,
        books: bool = False,
        concurrency: int = 32,
        chunk: int | None = None,
        backwards: bool = False,
        connect_timeout: float | None = None,
        notary: Notary | None = None,
        signed_only: bool = False,
    ) -> None:
        # A chunk is one file, and a file lies in one partition.
        if chunk is not None and (chunk < 1 or PARTITION % chunk):
            raise ConfigError(f"chunks of {chunk} ledgers do not divide a partition of {PARTITION}")
        super().__init__()
        self._network = network
        self._pool = pool
        self._ranges = list(ranges)
        self._store = store
        self._verify = verify
        self._books = books
        self._concurrency = concurrency
        self._chunk = chunk
        self._backwards = backwards
        self._connect_timeout = connect_timeout
        self._notary = notary
        self._signed_only = signed_only
        self._signing: Signing | None = None
        self._fetched: dict[Chunk, FetchedChunk] = {}
        self._spans: list[Span] = []
        self._links: dict[int, LedgerLink] = {}
        self._doubled: dict[int, str] = {}
        self._reasons: dict[int, str] = {}
        self._drifts: list[DriftReport] = []
        self._dead_letters = 0
        self._added = LedgerSet()
        self.wanted = LedgerSet()
        self.missing = LedgerSet()

    async def plan(self, *, dry_run: bool = False) -> None:
        """Repair the store, and compare what it holds with what is wanted.

        Args:
            dry_run: leave the store as it is.

        Raises:
            ConfigError: its ledgers are of another network, or were fetched with other options.
        """
        wanted = LedgerRange(self._pool, self._ranges)
        await wanted.open()
        # `-COUNT:` means something only once the nodes have said what they hold.
        self.wanted = wanted.ledgers
        # A plan leaves the store alone: somebody else may be writing there.
        if not dry_run:
            await in_thread(self._claim)
            await in_thread(self._store.repair)
        present = await in_thread(self._present)
        self.missing = self.wanted.without(present)
        self.progress = ClusterProgress(total=len(self.missing))

    async def run(self, workers: Workers) -> None:
        """Have the workers fetch what is missing, and publish it chunk by chunk."""
        share = self.share(workers.count)
        chunks = cut(self.missing.ranges, self._size(share.pools))
        self.progress.chunks = len(chunks)
        signed_after = await self._begin_signing(share.pools)
        fetch = ChunkFetch(
            store=self._store,
            format=format_of(self._store),
            network=self._network,
            network_id=self._pool.network_id,
            definitions=self._pool.definitions,
            verify=self._verify,
            books=self._books,
            # All workers together ask for no more than one process would.
            concurrency=max(1, self._concurrency // share.pools),
            pool={
                "window": share.window,
                "rate": share.rate,
                "connect_timeout": self._connect_timeout,
            },
            # So a worker finds out by itself that its chunk does not fit, and may ask another node.
            known=(*self._at_the_gaps(), *signed_after),
            signers=() if self._signing is None else self._signing.signers,
        )
        # The proof goes from newer ledgers to older ones, so that few chunks wait for theirs.
        ordered = chunks[::-1] if self._backwards or self._signing is not None else chunks
        await self._work(fetch, ordered, workers, self._accept, at_once=share.pools)
        if self._signing is not None and not self._stopped:
            await self._settle(*await self._signing.finish())
        # Of workers that were killed, or whose chunks were given up.
        await in_thread(self._store.repair)

    def share(self, workers: int) -> FairShare:
        """What each of this many workers may ask of the nodes."""
        urls = find_network(self._network).urls
        return fair_share(urls, min(workers, self._concurrency))

    async def conclude(self) -> BackfillReport:
        """Prove the whole, and say what was there, what was added and what is missing.

        The places in the chain are read from the files again: no ledger of the range may be there
        twice, and the parent of each must be the one before.
        """
        present = await in_thread(self._present) if self._added else LedgerSet()
        failed = {
            index: self._reasons.get(index, _STOPPED) for index in self.missing.without(present)
        }
        failed |= {
            index: fault for index, fault in breaks(self._links.values()) if index in self.wanted
        }
        failed |= {index: fault for index, fault in self._doubled.items() if index in self.wanted}
        failed |= {} if self._signing is None else self._signing.faults
        fetched = self.missing.without(LedgerSet.of((index, index) for index in failed))
        return BackfillReport(
            wanted=self.wanted,
            present=len(self.wanted) - len(self.missing),
            fetched=len(fetched),
            failed=failed,
            dead_letters=self._dead_letters,
            transactions=self.progress.transactions,
            drift=DriftReport.together(self._drifts),
            unsigned=self._unsigned(fetched),
            why_unsigned="" if self._signing is None else self._signing.why_unsigned,
        )

    def _unsigned(self, fetched: LedgerSet) -> int | None:
        if self._notary is None:
            return None
        return len(fetched) - (0 if self._signing is None else self._signing.signed(fetched))

    def _claim(self) -> None:
        """Note where the ledgers come from: the same for all of one store."""
        about = {
            "network_id": self._pool.network_id,
            "verified": self._verify,
            "books": self._books,
        }
        found = self._store.read(ABOUT)
        if found is None:
            self._store.write(ABOUT, json.dumps(about).encode())
            keep_definitions(self._store, self._pool.definitions)
        elif (had := json.loads(found)) != about:
            raise ConfigError(
                f"{self._store.address} holds ledgers of {_origin(had)}, not of {_origin(about)}; "
                "give the same options as before, or choose another place with --out"
            )

    def _present(self) -> LedgerSet:
        """The ledgers that are there, and the places in the chain of those at the edges."""
        chunks = self._store.chunks()
        # The time is spent waiting for the store; a small file of each chunk is read.
        with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
            read = [*threads.map(self._headers, chunks)]
        self._links = {link.ledger_index: link for each in read for link in each.links}
        # A file whose own chain is broken proves nothing about what comes before it.
        self._spans = [span for each in read if not each.faults for span in spans_of(each)]
        self._doubled = {}
        present: list[tuple[int, int]] = []
        for first, last in sorted(span for each in read for span in each.ledgers.ranges):
            if present and first <= present[-1][1]:
                self._doubled[first] = f"ledger {first} is there twice, in two files"
            present.append((first, max(last, present[-1][1]) if present else last))
        for each in read:
            self._doubled |= each.faults
        return LedgerSet.of(present)

    def _headers(self, chunk: Chunk) -> Headers:
        name = self._store.place("ledgers.parquet", chunk)
        content = self._store.read(name)
        if content is None:
            raise ConfigError(f"{self._store.address}/{name} is gone: somebody else removes files")
        return headers_of(content)

    def _size(self, workers: int) -> int:
        if self._chunk is not None:
            return self._chunk
        # Large chunks cost less, but a worker without one is idle while the others finish theirs.
        most = len(self.missing) // (workers * _CHUNKS_EACH)
        return next((size for size in _SIZES if size <= most), _SIZES[-1])

    async def _accept(self, outcome: Outcome[FetchedChunk]) -> None:
        """Publish a chunk that fits what is there; note why another one is refused."""
        chunk, fetched = outcome.chunk, outcome.result
        self.progress.chunks_done += 1
        self.progress.done += len(chunk)
        if fetched is None or fetched.failure is not None:
            error = outcome.error or RuntimeError("no result")
            self._refuse(chunk, reason_of(error) if fetched is None else f"{fetched.failure}")
            return
        self._reasons |= fetched.reasons
        self._dead_letters += fetched.dead_letters
        if fetched.staged is None:
            self._refuse(chunk, "no ledger of it could be fetched")
            return
        links = (
            {}
            if fetched.headers is None
            else {link.ledger_index: link for link in fetched.headers.links}
        )
        # Workers are not trusted: a faulty machine must not put ledgers there that do not fit.
        broken = next(breaks([*links.values(), *self._beside(chunk)]), None)
        if broken is not None:
            await in_thread(self._store.discard, fetched.staged)
            self._refuse(chunk, f"it does not fit the chain: {broken[1]}")
            return
        self._links |= links
        self._fetched[chunk] = fetched
        if self._signing is None or fetched.headers is None or not self._signing.is_wanted(chunk):
            await self._settle([chunk], {})
        else:
            await self._settle(*await self._signing.add(chunk, fetched.headers))

    async def _settle(self, proven: Sequence[Chunk], refused: dict[Chunk, str]) -> None:
        """Publish chunks that are proven as far as is wanted, and give up those that cannot be."""
        for chunk in proven:
            fetched = self._fetched.pop(chunk)
            assert fetched.staged is not None
            await in_thread(self._store.publish, fetched.staged)
            self._drifts.append(fetched.drift)
            self.progress.transactions += fetched.transactions
            if fetched.headers is not None:
                self._added |= fetched.headers.ledgers
        for chunk, why in refused.items():
            fetched = self._fetched.pop(chunk)
            assert fetched.staged is not None
            await in_thread(self._store.discard, fetched.staged)
            # They are not there after all, so nothing has to fit them.
            for link in fetched.headers.links if fetched.headers else ():
                self._links.pop(link.ledger_index, None)
            self._refuse(chunk, why)

    async def _begin_signing(self, workers: int) -> tuple[LedgerLink, ...]:
        """Prove the last ledgers, where that is wanted; what workers must know of those after."""
        if self._notary is None:
            return ()
        self._signing = Signing(
            self._notary, signed_only=self._signed_only, most_held=_HELD_EACH * workers
        )
        return await self._signing.begin(self.wanted, self._spans)

    def _at_the_gaps(self) -> Iterable[LedgerLink]:
        """The ledgers on either side of each gap: what fills it must link to both."""
        at = (index for first, last in self.missing.ranges for index in (first - 1, last + 1))
        return [self._links[index] for index in at if index in self._links]

    def _beside(self, chunk: Chunk) -> Iterable[LedgerLink]:
        at = (chunk.first - 1, chunk.last + 1)
        return [self._links[index] for index in at if index in self._links]

    def _refuse(self, chunk: Chunk, reason: str) -> None:
        log.warning("chunk %s failed: %s", chunk, reason)
        self.progress.failed[str(chunk)] = reason
        for index in range(chunk.first, chunk.last + 1):
            # A ledger that has a dead letter says more by that than by what became of its chunk.
            self._reasons.setdefault(index, reason)


def _origin(about: dict[str, Any]) -> str:
    verified = "verified" if about.get("verified") else "not verified"
    books = "with" if about.get("books") else "without"
    return f"network {about.get('network_id')}, {verified}, {books} order books"

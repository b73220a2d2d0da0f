"""Fetches the ledgers of given ranges that a folder does not have yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ekspiper.core import FlowState, Instruments, Pipeline, Progress, Run, Source, State
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.processors import DriftReport, FetchLedger, LedgerLink, TransactionEtl
from ekspiper.xrpl.sources import LedgerRange, LedgerRef

from ..coverage import coverage, links
from ..flows import ROOT, ledger_pipeline
from ..output_folder import OutputFolder
from ._origin import LedgersOf, Origin
from ._reasons import Reasons, by_reason

if TYPE_CHECKING:
    from ekspiper.xrpl.attestation import Notary, SignedLedgers

__all__ = ["Backfill", "BackfillReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """How a backfill ended.

    Attributes:
        wanted: the ledgers that were asked for.
        present: how many of them were there before.
        fetched: how many were added.
        failed: the others, each with the reason: no ledger is left out in silence.
        dead_letters: how many items of any kind went to the dead letters.
        transactions: how many records of transactions were added.
        drift: what did not fit the schema.
        unsigned: how many of those that were added are not proven by signatures; None where only
            hashes were checked.
        why_unsigned: why the last of them is not.
    """

    wanted: LedgerSet
    present: int
    fetched: int
    failed: dict[int, str]
    dead_letters: int
    transactions: int
    drift: DriftReport
    unsigned: int | None = None
    why_unsigned: str = ""

    @property
    def missing(self) -> dict[str, LedgerSet]:
        """The ledgers that failed, by reason."""
        return by_reason(self.failed)


class Backfill:
    """Brings `folder` to hold all ledgers of `ranges`.

    Call `plan` first: it repairs the folder after a crash and finds out what is missing.

    Args:
        ranges: as on the command line, `FIRST:LAST`, `FIRST:+COUNT` or `-COUNT:`.
        backwards: from the last ledger to the first.
        verify: prove every ledger.
        books: record the order books as well; one request for each side of each book touched.
        concurrency: ledgers asked for at once.
        definitions: to read the ledgers by; those of the pool's network without it.
        notary: proves the ledgers by signatures; without it, hashes alone are checked.
        signed_only: fail where a ledger cannot be proven by signatures; without, it is recorded as
            hashed.
    """

    def __init__(
        self,
        pool: NodePool,
        ranges: Sequence[str],
        folder: OutputFolder,
        *,
        backwards: bool = False,
        verify: bool = True,
        books: bool = False,
        concurrency: int = 32,
        definitions: Definitions | None = None,
        notary: Notary | None = None,
        signed_only: bool = False,
    ) -> None:
        self._pool = pool
        self._notary = notary
        self._signed_only = signed_only
        self._signing: SignedLedgers | None = None
        self._ranges = list(ranges)
        self._folder = folder
        self._backwards = backwards
        self._verify = verify
        self._books = books
        self._concurrency = concurrency
        self._definitions = definitions
        self._etl = TransactionEtl(definitions, network_id=pool.network_id or 0)
        self._reasons = Reasons(folder.dead_letters())
        self.wanted = LedgerSet()
        self.missing = LedgerSet()

    async def plan(self, *, dry_run: bool = False) -> None:
        """Bring the files back to the last checkpoint, and compare them with what is wanted.

        The files themselves tell which ledgers are there, so it does not matter whether the
        ranges are the same as the last time.

        Args:
            dry_run: leave the folder as it is.

        Raises:
            ConfigError: the ledgers in the folder are of another network, or were fetched with
                other options: without proof, without order books, or with them.
        """
        wanted = LedgerRange(self._pool, self._ranges)
        await wanted.open()
        self.wanted = wanted.ledgers
        pipeline = self._pipeline(self.wanted)
        loaded = await self._folder.checkpoint.load()
        present = coverage(self._folder)
        # Before `_repair`, which would cut back files that belong to another backfill.
        if loaded is not None and present:
            self._origin.refuse_other(loaded.flows[ROOT].source, self._folder)
        if not dry_run:
            self._folder.keep_definitions(self._definitions or self._pool.definitions)
            states = await self._repair(pipeline, loaded)
            present = coverage(self._folder)
        self.missing = self.wanted.without(present)
        if self.missing and not dry_run:
            # The checkpoint of the last run is of other ranges, and its position would skip ledgers
            # of these. So a new one is written, with the repaired files and without a position.
            state = FlowState(self._source(self.missing).identity, None, states)
            await self._folder.checkpoint.save(Progress(pipeline.shape, {ROOT: state}))

    def start(self, *, instruments: Instruments | None = None) -> Run:
        """The run that fetches what is missing; await its `finish()`, then call `conclude`."""
        # The ledgers of a gap must link to those on either side of it.
        beside = {index for first, last in self.missing.ranges for index in (first - 1, last + 1)}
        return self._pipeline(self.missing, known=links(self._folder, beside)).start(
            checkpoint=self._folder.checkpoint,
            dead_letters=self._reasons,
            instruments=instruments,
        )

    def conclude(self, run: Run | None = None) -> BackfillReport:
        """What was there, what was added and what is missing. Call it after the run, if there was one."""
        # The files tell what was added, and not our counters: a row counts when it can be read
        # back.
        added = coverage(self._folder)
        failed = {index: self._reasons.of(index) for index in self.missing if index not in added}
        steps = run.statistics().steps if run is not None else {}
        etl = steps.get("transaction-record/etl")
        return BackfillReport(
            wanted=self.wanted,
            present=len(self.wanted) - len(self.missing),
            fetched=len(self.missing) - len(failed),
            failed=failed,
            dead_letters=self._reasons.count,
            transactions=etl.items_out if etl else 0,
            drift=self._etl.report(),
            # What could not be fetched was not recorded, signed or not.
            unsigned=None
            if self._notary is None
            else max(0, self._signing_of().unsigned - len(failed)),
            why_unsigned="" if self._notary is None else self._signing_of().why_unsigned,
        )

    def _signing_of(self) -> SignedLedgers:
        assert self._signing is not None, "the pipeline is made before anything is concluded"
        return self._signing

    @property
    def _origin(self) -> Origin:
        network_id = self._pool.network_id
        return Origin(network_id=network_id, verified=self._verify, books=self._books)

    def _source(self, ledgers: LedgerSet) -> LedgerRange:
        return LedgersOf(self._origin, self._pool, ledgers.ranges, backwards=self._backwards)

    def _signed(self, source: LedgerRange, ledgers: LedgerSet) -> Source[LedgerRef]:
        """The source with the hashes that validators have signed, where that is wanted."""
        if self._notary is None:
            return source
        from ekspiper.xrpl.attestation import SignedLedgers

        self._signing = SignedLedgers(
            source,
            self._notary,
            first=ledgers.first,
            otherwise="fail" if self._signed_only else "pass",
        )
        return self._signing

    def _pipeline(self, ledgers: LedgerSet, *, known: Sequence[LedgerLink] = ()) -> Pipeline:
        kinds = ("transactions", "ledgers", *(("book_offers", "amms") if self._books else ()))
        return ledger_pipeline(
            self._signed(self._source(ledgers), ledgers),
            fetch_ledger=FetchLedger(
                self._pool,
                verify=self._verify,
                definitions=self._definitions,
                known=known,
            ),
            pool=self._pool,
            collectors={records: [self._folder.collector(records)] for records in kinds},
            etl=self._etl,
            fetch_concurrency=self._concurrency,
            books=self._books,
        )

    async def _repair(self, pipeline: Pipeline, loaded: Progress | None) -> dict[str, State]:
        """Cut every file back to the last checkpoint; what each then holds, by place."""
        known = {
            place: state
            for flow in (loaded.flows.values() if loaded else ())
            for place, state in flow.collectors.items()
        }
        states = {}
        for place, collector in pipeline.recoverable().items():
            async with collector:
                await collector.restore(known.get(place))
                # A folder without a checkpoint keeps what it has: `restore(None)` cuts off half
                # lines only.
                states[place] = known.get(place) or await collector.snapshot(None)
        return states

"""Sends past ledgers to collectors: those of a configuration, not the files of a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ekspiper.core import Delivery, Instruments, Pipeline, Run, Source
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.flows import ROOT, ledger_pipeline
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.processors import DriftReport, FetchLedger, TransactionEtl
from ekspiper.xrpl.ranges import ranges_begun
from ekspiper.xrpl.sources import LedgerRef

from ._origin import LedgersOf, Origin
from ._reasons import Reasons, by_reason

if TYPE_CHECKING:
    from ekspiper.xrpl.attestation import Notary, SignedLedgers

__all__ = ["RangeDelivery", "RangeReport", "lane_of"]

_LONGEST = 30  # so that the row of a PostgreSQL table can still be read


def lane_of(ranges: Sequence[str]) -> str:
    """A name for a backfill of these ranges, for files and tables: `backfill-421-540`.

    The same ranges have the same name, so that the next run finds what this one has done.
    """
    texts = [f"newest{text[:-1]}" if text.startswith("-") else text for text in ranges]
    name = re.sub(r"[^\w+-]+", "-", "_".join(texts)).strip("-")
    if len(name) > _LONGEST:
        # Any other way to shorten it could give two backfills one name, and so one checkpoint.
        name = f"{len(ranges)}-ranges-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return f"backfill-{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeReport:
    """How it ended.

    Attributes:
        wanted: all ledgers of the ranges.
        before: how many of them earlier runs have sent.
        sent: how many this run has sent.
        failed: those of this run that have dead letters, each with the reason.
        left: those that the next run sends.
        transactions: how many records of transactions were made.
        drift: what did not fit the schema.
        unsigned: how many of those that were sent are not proven by signatures; None where only
            hashes were checked.
        why_unsigned: why the last of them is not.
    """

    wanted: LedgerSet
    before: int
    sent: int
    failed: dict[int, str]
    left: LedgerSet
    transactions: int
    drift: DriftReport
    unsigned: int | None = None
    why_unsigned: str = ""

    @property
    def missing(self) -> dict[str, LedgerSet]:
        """The ledgers that failed, by reason."""
        return by_reason(self.failed)


class RangeDelivery:
    """Sends all ledgers of `ranges` to collectors, and continues where it stopped.

    Unlike `Backfill`, which looks into its files, it knows from its checkpoint alone what it has
    sent: collectors cannot be asked. What they do with a record that they have already is up to
    them.

    Args:
        ranges: as on the command line. `-COUNT:` means the ledgers that it meant in the first run.
        folder: of the checkpoint and the dead letters; nothing else is written there.
        collectors: who takes the records of each kind.
        backwards: from the last ledger to the first.
        verify: prove every ledger.
        books: record the order books as well.
        concurrency: ledgers asked for at once.
        notary: proves the ledgers by signatures; without it, hashes alone are checked.
        signed_only: fail where a ledger cannot be proven by signatures; without, it is sent as
            hashed.
    """

    def __init__(
        self,
        pool: NodePool,
        ranges: Sequence[str],
        folder: OutputFolder,
        collectors: Mapping[str, Sequence[Delivery]],
        *,
        backwards: bool = False,
        verify: bool = True,
        books: bool = False,
        concurrency: int = 32,
        notary: Notary | None = None,
        signed_only: bool = False,
    ) -> None:
        self._pool = pool
        self._notary = notary
        self._signed_only = signed_only
        self._signing: SignedLedgers | None = None
        self._ranges = list(ranges)
        self._folder = folder
        self._collectors = collectors
        self._backwards = backwards
        self._verify = verify
        self._books = books
        self._concurrency = concurrency
        self._etl = TransactionEtl(pool.definitions, network_id=pool.network_id or 0)
        self._reasons = Reasons(folder.dead_letters())
        self.wanted = LedgerSet()
        self.left = LedgerSet()

    async def plan(self) -> None:
        """Find out which ledgers are wanted, and which of them are left.

        Raises:
            ConfigError: the folder is of another network, or of a run with other options.
        """
        progress = await self._folder.checkpoint.load()
        begun = progress.flows.get(ROOT) if progress is not None else None
        if begun is not None:
            self._origin.refuse_other(begun.source, self._folder)
            # As they were understood then: the newest ledgers are others by now.
            self._ranges = ranges_begun(begun.source, self._ranges)
        source = self._source(self._ranges)
        await source.open()
        self.wanted = self.left = source.ledgers
        if begun is not None and begun.position is not None:
            self.left = self.wanted.without(self._passed(int(begun.position)))

    def start(self, *, instruments: Instruments | None = None) -> Run:
        """The run that sends what is left; await its `finish()`, then call `conclude`."""
        return self._pipeline().start(
            checkpoint=self._folder.checkpoint,
            dead_letters=self._reasons,
            instruments=instruments,
        )

    def conclude(self, run: Run | None = None) -> RangeReport:
        """What was sent. Call it after the run, if there was one."""
        if run is None:
            return self._report(LedgerSet(), {}, transactions=0)
        statistics = run.statistics()
        etl = statistics.steps.get("transaction-record/etl")
        position = statistics.sources[ROOT].position if ROOT in statistics.sources else None
        left = self.left if position is None else self.left.without(self._passed(int(position)))
        failed = {
            index: self._reasons.of(index) for index in self._reasons.ledgers if index not in left
        }
        return self._report(left, failed, transactions=etl.items_out if etl else 0)

    def _report(self, left: LedgerSet, failed: dict[int, str], *, transactions: int) -> RangeReport:
        signing = self._signing
        unsigned = None if self._notary is None else 0
        sent = max(0, len(self.left) - len(left) - len(failed))
        if signing is not None:
            # What failed was not sent, signed or not; a run that is stopped has read more than it sent.
            unsigned = min(sent, max(0, signing.unsigned - len(failed)))
        return RangeReport(
            wanted=self.wanted,
            before=len(self.wanted) - len(self.left),
            sent=sent,
            failed=failed,
            left=left,
            transactions=transactions,
            drift=self._etl.report(),
            unsigned=unsigned,
            why_unsigned=signing.why_unsigned if signing else "",
        )

    def _passed(self, position: int) -> LedgerSet:
        """Everything that lies behind a position."""
        if self._backwards:
            return LedgerSet.of([(position, max(position, self.wanted.last))])
        return LedgerSet.of([(min(position, self.wanted.first), position)])

    @property
    def _origin(self) -> Origin:
        network_id = self._pool.network_id
        return Origin(network_id=network_id, verified=self._verify, books=self._books)

    def _source(self, ranges: Sequence[str | tuple[int, int]]) -> LedgersOf:
        return LedgersOf(self._origin, self._pool, ranges, backwards=self._backwards)

    def _signed(self, source: LedgersOf) -> Source[LedgerRef]:
        """The source with the hashes that validators have signed, where that is wanted."""
        if self._notary is None:
            return source
        from ekspiper.xrpl.attestation import SignedLedgers

        self._signing = SignedLedgers(
            source,
            self._notary,
            first=self.left.first,
            otherwise="fail" if self._signed_only else "pass",
        )
        return self._signing

    def _pipeline(self) -> Pipeline:
        return ledger_pipeline(
            self._signed(self._source(self.wanted.ranges)),
            fetch_ledger=FetchLedger(
                self._pool, verify=self._verify, definitions=self._pool.definitions
            ),
            pool=self._pool,
            collectors=self._collectors,
            etl=self._etl,
            fetch_concurrency=self._concurrency,
            books=self._books,
        )

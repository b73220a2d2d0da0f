"""Reads, records and proves the whole state of one ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ekspiper.core import (
    EkspiperError,
    Flow,
    Instruments,
    PassThrough,
    Pipeline,
    PipelineError,
    Run,
    Step,
    in_thread,
)
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Definitions, Subtree
from ekspiper.xrpl.processors import DriftReport, FetchLedger, LedgerObjectRecord
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef

from ..ledger import Ledger
from ..output_folder import OutputFolder
from .second_reading import SecondReading
from .state_proof import StateMismatch, StateProof

if TYPE_CHECKING:
    from ..output_bucket import OutputBucket

__all__ = ["Snapshot", "SnapshotReport", "StateMismatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """A finished snapshot.

    Attributes:
        ledger_index, ledger_hash: the ledger.
        account_hash: the root over all its objects, equal to its header's.
        objects: how many objects the state has.
        records: how many were recorded; fewer when only some types were wanted.
        drift: what of them did not fit the schema, in this run.
    """

    ledger_index: int
    ledger_hash: str
    account_hash: str
    objects: int
    records: int
    drift: DriftReport


class Snapshot:
    """Writes all objects of one ledger into a folder, or a place of an object store.

    Interrupted, it continues at the last page.

    Args:
        ledger: the ledger's index; None: the newest.
        types: ledger entry types to record; None: all. All are read, to prove the state.
        parallel: parts of the state read at once.
        definitions: to read the objects by; those of the pool's network without it.
    """

    def __init__(
        self,
        pool: NodePool,
        folder: OutputFolder | OutputBucket,
        *,
        ledger: int | None = None,
        types: Sequence[str] | None = None,
        parallel: int = 8,
        definitions: Definitions | None = None,
    ) -> None:
        self._pool = pool
        self._folder = folder
        self._types = types
        self._parallel = parallel
        self._records = LedgerObjectRecord(definitions or pool.definitions)
        self._wanted = ledger
        self._ledger: Ledger | None = None
        self._proof: StateProof | None = None

    async def start(self, *, instruments: Instruments | None = None) -> Run:
        """Fetch and prove the ledger's header; the run that reads its state.

        Raises:
            EkspiperError: the folder holds a snapshot of another ledger or of other types, or no
                node serves the ledger.
        """
        source = LedgerObjects(
            self._pool, await self._index(), types=self._types, parallel=self._parallel
        )
        # Before the source is opened: opening asks nodes, and this mistake is ours.
        await self._refuse_other(source)
        await source.open()
        (self._ledger,) = await FetchLedger(self._pool).process(LedgerRef(source.ledger_index))
        # Otherwise the first page would decide, and a node may give pages of another ledger.
        source.expect(self._ledger.ledger_hash)
        self._proof = StateProof(source.prefixes)
        pipeline = Pipeline(
            Flow(
                "ledger-objects",
                source=source,
                steps=(
                    Step(
                        self._records,
                        name="object-record",
                        collectors=(self._folder.collector("objects"),),
                    ),
                    # A collector like any other, so that its state is in the checkpoint beside the
                    # length of the file.
                    Step(PassThrough(), name="prove", collectors=(self._proof,)),
                ),
            )
        )
        return pipeline.start(
            checkpoint=self._folder.checkpoint,
            commit=self._folder.commit,
            instruments=instruments,
        )

    async def conclude(self, run: Run) -> SnapshotReport:
        """Compare the root over all objects with the header's `account_hash`.

        Raises:
            StateMismatch: they differ. The file is set aside as `objects.unverified.*`, the
                checkpoint is removed, and the error names the parts of the state that a second
                reading gives differently.
        """
        ledger, proof = self._started()
        root = proof.root()
        account_hash = ledger.header.account_hash.hex().upper()
        if root != account_hash:
            # The objects were taken from several nodes, and nothing says which of them gave the
            # wrong ones. Reading the state again, each time without one node, does.
            where = await self._locate()
            aside = await in_thread(self._folder.set_aside, "objects")
            raise StateMismatch(
                f"the objects of ledger {ledger.ledger_index} hash to {root}, its header says "
                f"{account_hash}; {where}; the objects are in {aside}, do not use them"
            )
        step = run.statistics().steps["ledger-objects/object-record"]
        return SnapshotReport(
            ledger_index=ledger.ledger_index,
            ledger_hash=ledger.ledger_hash,
            account_hash=account_hash,
            objects=proof.objects,
            records=step.items_out,
            drift=self._records.report(),
        )

    async def _index(self) -> int | None:
        """The ledger to read: that of a snapshot that was begun here, or the one wanted."""
        progress = await self._folder.checkpoint.load()
        flow = progress.flows.get("ledger-objects") if progress else None
        begun = flow.position["ledger_index"] if flow and flow.position else None
        if begun is not None and self._wanted is not None and begun != self._wanted:
            raise EkspiperError(
                f"{self._folder.path} holds a snapshot of ledger {begun}, not {self._wanted}; "
                f"{self._folder.instead}"
            )
        return begun or self._wanted

    async def _refuse_other(self, source: LedgerObjects) -> None:
        """Other types are other objects: what the folder holds is not what is wanted."""
        progress = await self._folder.checkpoint.load()
        flow = progress.flows.get("ledger-objects") if progress else None
        if flow is not None and flow.source != source.identity:
            raise EkspiperError(
                f"{self._folder.path} holds the {flow.source}, not the {source.identity}; "
                f"{self._folder.instead}"
            )

    async def _locate(self) -> str:
        """Read the state again, and name the parts that come out differently."""
        ledger, proof = self._started()

        async def again(avoid: Sequence[str]) -> Mapping[str, Subtree]:
            return (await self._read_again(avoid)).subtrees

        return (await SecondReading.by_each(self._pool, ledger, proof.subtrees, again)).where

    async def _read_again(self, avoid: Sequence[str]) -> StateProof:
        """A second reading, by the nodes that are not to be avoided."""
        ledger, proof = self._started()
        again = StateProof(proof.subtrees)
        source = LedgerObjects(
            self._pool, ledger.ledger_index, parallel=self._parallel, avoid=avoid
        )
        source.expect(ledger.ledger_hash)
        async for page in source:
            await again.collect([page])
        return again

    def _started(self) -> tuple[Ledger, StateProof]:
        if self._ledger is None or self._proof is None:
            raise PipelineError("conclude() comes after start(), when the run has ended")
        return self._ledger, self._proof

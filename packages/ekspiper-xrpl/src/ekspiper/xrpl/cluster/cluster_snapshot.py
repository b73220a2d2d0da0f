"""Cuts the state of one ledger into parts, has workers fetch them, and proves the whole."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ekspiper.core import ConfigError, Permanent, PipelineError, Retryable, in_thread
from ekspiper.core.chunks import Chunk, ChunkStore, Outcome
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Subtree, join_subtrees
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.networks import find_network
from ekspiper.xrpl.processors import DriftReport, FetchLedger
from ekspiper.xrpl.snapshot import SecondReading, SnapshotReport, StateMismatch
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef

from ._task import reason_of
from .cluster_job import ClusterJob, ClusterProgress
from .fair_share import FairShare, fair_share
from .part_fetch import FetchedPart, PartFetch
from .stores import ABOUT, SUBTREE, keep_definitions
from .workers import Workers

__all__ = ["ClusterSnapshot"]

log = logging.getLogger("ekspiper")

# Written when the root over all parts is the ledger's: before, the snapshot is not complete.
_WHOLE = "snapshot.json"

# Objects of a state that is cut into 16 parts; a larger one is cut into 256.
_FEW = 1_600_000

# Parts that failed of which an error says why.
_NAMED = 3


class ClusterSnapshot(ClusterJob):
    """Brings a store to hold all objects of one ledger, with any number of workers.

    Call `plan` first, when the store is locked: it finds out which parts are there. Then `run` and
    `conclude`, with workers. A part is all objects whose indexes begin with the same digits. A
    worker reads and folds it; this process joins the subtrees to the root of the whole state.

    The bounds of `NodePool` hold for all workers together: twenty ask a node for no more than one.

    Args:
        network: a name or URLs, as on the command line; the workers open it themselves.
        pool: open nodes of that network.
        store: as in `open_state_store`.
        ledger: the ledger's index; None: the one that was begun here, or the newest.
        types: ledger entry types to record; None: all. All are read, to prove the state.
        digits: how many digits the objects of a part have in common, so that there are 16, 256 or
            4,096 parts; None: as the size of the state asks for.
        connect_timeout: seconds within which a node must answer a worker.
    """

    def __init__(
        self,
        network: str,
        pool: NodePool,
        store: ChunkStore,
        *,
        ledger: int | None = None,
        types: Sequence[str] | None = None,
        digits: int | None = None,
        connect_timeout: float | None = None,
    ) -> None:
        if digits is not None and not 1 <= digits <= 3:
            raise ConfigError(f"parts have 1, 2 or 3 digits in common, not {digits}")
        super().__init__()
        self._network = network
        self._pool = pool
        self._store = store
        self._wanted = ledger
        self._types = sorted(set(types)) if types else None
        self._digits = digits
        self._connect_timeout = connect_timeout
        self._ledger: Ledger | None = None
        self._about: dict[str, Any] = {}
        self._parts: dict[Chunk, FetchedPart] = {}
        self._drifts: list[DriftReport] = []
        self.missing: list[Chunk] = []

    async def plan(self) -> None:
        """Prove the ledger's header, repair the store, and find out which parts are there.

        Raises:
            ConfigError: the store holds another ledger, or other types.
        """
        kept = await in_thread(self._store.read, ABOUT)
        begun: dict[str, Any] = {} if kept is None else json.loads(kept)
        source = LedgerObjects(
            self._pool, self._wanted or begun.get("ledger_index"), types=self._types, parallel=1
        )
        await source.open()
        # Its header is proven before anything is read: the root is compared with what stands in it.
        (ledger,) = await FetchLedger(self._pool).process(LedgerRef(source.ledger_index))
        source.expect(ledger.ledger_hash)
        self._ledger = ledger
        self._about = {
            "network_id": self._pool.network_id,
            "ledger_index": ledger.ledger_index,
            "ledger_hash": ledger.ledger_hash,
            "types": self._types,
        }
        # Cut as it was begun, whatever is said now: a part is what is kept.
        digits = begun.get("digits") or self._digits or await _digits_for(source)
        if not begun:
            await in_thread(keep_definitions, self._store, self._pool.definitions)
            content = json.dumps({**self._about, "digits": digits}).encode()
            await in_thread(self._store.write, ABOUT, content)
        elif {**self._about, "digits": digits} != begun:
            raise ConfigError(
                f"{self._store.address} holds {_named(begun)}, not {_named(self._about)}; choose "
                "another place with --out"
            )
        self._digits = digits
        await in_thread(self._store.repair)
        # After the repair, which may take parts away that a crash left half published.
        self._parts = await in_thread(self._present)
        chunks = [Chunk(number, number) for number in range(16**digits)]
        self.missing = [chunk for chunk in chunks if chunk not in self._parts]
        self.progress = ClusterProgress(total=len(self.missing), chunks=len(self.missing))

    async def run(self, workers: Workers) -> None:
        """Have the workers fetch the parts that are missing, and publish each as it comes."""
        at_once = self.share(workers.count).pools
        await self._work(self._fetch(workers), self.missing, workers, self._accept, at_once=at_once)
        # Of workers that were killed, or whose parts were given up.
        await in_thread(self._store.repair)

    async def conclude(self, workers: Workers) -> SnapshotReport:
        """Join the subtrees, and compare the root with the header's `account_hash`.

        Raises:
            Retryable: parts are missing; says which and why.
            StateMismatch: the root is another one. Parts that a second reading gives differently
                are removed, and named.
        """
        ledger = self._proven_ledger()
        self._refuse_missing()
        subtrees = _by_prefix(self._parts)
        # No object is read again: a part's subtree says what all its objects hash to.
        root = join_subtrees(list(subtrees.values())).hex().upper()
        account_hash = ledger.header.account_hash.hex().upper()
        if root != account_hash:

            async def again(avoid: Sequence[str]) -> Mapping[str, Subtree]:
                return await self._read_again(workers, avoid)

            # The root says that something is wrong, and not where. Another node's answer shows
            # which part.
            second = await SecondReading.by_each(self._pool, ledger, subtrees, again)
            for chunk, part in list(self._parts.items()):
                if part.subtree is not None and part.subtree.prefix in second.differing:
                    await in_thread(self._store.withdraw, chunk)
            raise StateMismatch(
                f"the objects of ledger {ledger.ledger_index} hash to {root}, its header says "
                f"{account_hash}; {second.where}; do not use what is in {self._store.address}"
            )
        report = SnapshotReport(
            ledger_index=ledger.ledger_index,
            ledger_hash=ledger.ledger_hash,
            account_hash=account_hash,
            objects=sum(subtree.leaves for subtree in subtrees.values()),
            records=sum(part.records for part in self._parts.values()),
            drift=DriftReport.together(self._drifts),
        )
        whole = {
            **self._about,
            "account_hash": account_hash,
            "objects": report.objects,
            "records": report.records,
        }
        # The last thing: readers take a snapshot without it for one that is not complete.
        await in_thread(self._store.write, _WHOLE, json.dumps(whole).encode())
        return report

    def share(self, workers: int) -> FairShare:
        """What each of this many workers may ask of the nodes."""
        return fair_share(find_network(self._network).urls, workers)

    def _fetch(self, workers: Workers) -> PartFetch:
        ledger, share = self._proven_ledger(), self.share(workers.count)
        assert self._digits is not None
        return PartFetch(
            store=self._store,
            network=self._network,
            network_id=self._pool.network_id,
            definitions=self._pool.definitions,
            ledger_index=ledger.ledger_index,
            ledger_hash=ledger.ledger_hash,
            digits=self._digits,
            types=self._types,
            pool={
                "window": share.window,
                "rate": share.rate,
                "connect_timeout": self._connect_timeout,
            },
        )

    async def _accept(self, outcome: Outcome[FetchedPart]) -> None:
        """Publish a part, or note why there is none."""
        chunk, fetched = outcome.chunk, outcome.result
        self.progress.chunks_done += 1
        self.progress.done += 1
        if fetched is None or fetched.staged is None:
            why = _why(outcome)
            log.warning("part %s failed: %s", chunk.first, why)
            self.progress.failed[f"{chunk.first:0{self._digits}X}..."] = why
            return
        await in_thread(self._store.publish, fetched.staged)
        self._parts[chunk] = fetched
        self._drifts.append(fetched.drift)
        self.progress.transactions += fetched.records

    async def _read_again(self, workers: Workers, avoid: Sequence[str]) -> Mapping[str, Subtree]:
        """A second reading of all parts, by the nodes that are not to be avoided."""
        found: dict[Chunk, FetchedPart] = {}

        async def take(outcome: Outcome[FetchedPart]) -> None:
            if outcome.result is None or outcome.result.subtree is None:
                raise Permanent(f"part {outcome.chunk.first}: {_why(outcome)}")
            found[outcome.chunk] = outcome.result

        fetch = replace(self._fetch(workers), keeps=False, avoid=tuple(avoid))
        at_once = self.share(workers.count).pools
        await self._work(fetch, sorted(self._parts), workers, take, at_once=at_once)
        if len(found) < len(self._parts):
            raise Retryable("it was stopped before")
        return _by_prefix(found)

    def _present(self) -> dict[Chunk, FetchedPart]:
        """The parts that are there whole."""
        # Listed once: a store says what it has of all parts as quickly as of one.
        recorded = set(self._store.chunks("objects.parquet"))
        found = {}
        for chunk in self._store.chunks():
            content = self._store.read(self._store.place(SUBTREE, chunk))
            part = None if content is None else FetchedPart.from_json(content)
            # Somebody may have removed the file of its records.
            if part is not None and (chunk in recorded or not part.records):
                found[chunk] = part
        return found

    def _refuse_missing(self) -> None:
        missing = [chunk for chunk in self.missing if chunk not in self._parts]
        if not missing:
            return
        failed = list(self.progress.failed.items())[:_NAMED]
        reasons = "".join(f"; {prefix} {why}" for prefix, why in failed)
        raise Retryable(
            f"{len(missing)} of {len(missing) + len(self._parts)} parts of ledger "
            f"{self._proven_ledger().ledger_index} are missing{reasons}; run it again, the others "
            "are kept"
        )

    def _proven_ledger(self) -> Ledger:
        if self._ledger is None:
            raise PipelineError("plan() comes first")
        return self._ledger


async def _digits_for(source: LedgerObjects) -> int:
    """How many digits of the keys cut a state into parts of a good size."""
    async with aclosing(source.__aiter__()) as pages:
        async for page in pages:
            if page.last or not page.objects:
                break
            # Keys are hashes, so they lie evenly: the first page says how close.
            reached = int(page.objects[-1][0], 16) / 16**64
            return 1 if len(page.objects) < _FEW * reached else 2
    return 1


def _by_prefix(parts: Mapping[Chunk, FetchedPart]) -> dict[str, Subtree]:
    subtrees = (part.subtree for part in parts.values())
    return {subtree.prefix: subtree for subtree in subtrees if subtree is not None}


def _why(outcome: Outcome[FetchedPart]) -> str:
    if outcome.result is not None and outcome.result.failure is not None:
        return outcome.result.failure
    return reason_of(outcome.error or RuntimeError("no result"))


def _named(about: Mapping[str, Any]) -> str:
    types = about.get("types")
    only = f", only {', '.join(types)}" if types else ""
    return (
        f"the state of ledger {about.get('ledger_index')} of network {about.get('network_id')}"
        f"{only}"
    )

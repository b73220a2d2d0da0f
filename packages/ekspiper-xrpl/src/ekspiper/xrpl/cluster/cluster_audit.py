"""Audits what a backfill by chunks has written: chunk by chunk, by any number of workers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ekspiper.core import ConfigError, in_thread
from ekspiper.core.chunks import Chunk, ChunkStore, Outcome
from ekspiper.xrpl.audit import AuditReport, audit
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.processors import LedgerLink

from ._headers import breaks, headers_of
from ._task import reason_of
from .cluster_job import ClusterJob
from .stores import kept_in
from .workers import Workers

__all__ = ["AuditedChunk", "ChunkAudit", "ClusterAudit"]

_LEDGERS, _TRANSACTIONS = "ledgers.parquet", "transactions.parquet"


@dataclass(frozen=True, slots=True)
class AuditedChunk:
    """What an audit of one chunk found.

    Attributes:
        report: as in `audit`, with what is wrong within the chunk.
        links: the places in the chain of ledgers that have neighbours in other chunks.
        failure: why it could not be audited; None: it was.
    """

    report: AuditReport
    links: tuple[LedgerLink, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAudit:
    """Audits chunks, each in its own call: `check(chunk)`, on any thread of any machine.

    Args:
        store: where the chunks are.
        deep: prove every record.
        definitions: what records are encoded by.
        network_id: which `ctid` must name; without it, all of a chunk must name the same.
    """

    store: ChunkStore = field(repr=False)
    definitions: Definitions
    deep: bool = False
    network_id: int | None = None

    def __call__(self, chunk: Chunk) -> AuditedChunk:
        """Audit a chunk; when that fails, the result says why."""
        try:
            return self._audited(chunk)
        except Exception as error:
            return AuditedChunk(AuditReport(), failure=reason_of(error))

    def _audited(self, chunk: Chunk) -> AuditedChunk:
        # The audit reads folders, and a chunk may lie in an object store.
        with tempfile.TemporaryDirectory(prefix="ekspiper-") as name:
            folder = Path(name)
            if not self._copy(_LEDGERS, chunk, folder):
                raise ConfigError(f"{self.store.place(_LEDGERS, chunk)} is gone")
            if not self._copy(_TRANSACTIONS, chunk, folder):
                # Ledgers without a transaction: the table has no file, and the audit wants one.
                (folder / "transactions.jsonl").touch()
            report = audit(
                folder, deep=self.deep, definitions=self.definitions, network_id=self.network_id
            )
            # The chain from chunk to chunk is checked by the process that sees all of them.
            links = headers_of(folder / self.store.place(_LEDGERS, chunk)).links
        return AuditedChunk(report, links)

    def _copy(self, table: str, chunk: Chunk, folder: Path) -> bool:
        """Bring a file to this machine; whether it is there."""
        place = self.store.place(table, chunk)
        content = self.store.read(place)
        if content is None:
            return False
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_bytes(content)
        return True


class ClusterAudit(ClusterJob):
    """Has workers audit all chunks of a store, and checks the chain from chunk to chunk.

    Args:
        store: as in `open_store`; nothing is written to it.
        deep, definitions, network_id: as in `audit`; without definitions, those that the store
            keeps of its network.
    """

    def __init__(
        self,
        store: ChunkStore,
        *,
        deep: bool = False,
        definitions: Definitions | None = None,
        network_id: int | None = None,
    ) -> None:
        super().__init__()
        self._store = store
        self._deep = deep
        self._definitions = definitions
        self._network_id = network_id

    async def run(self, workers: Workers) -> AuditReport:
        """What they found; faults come in the order of the chunks.

        Raises:
            ConfigError: there are no chunks.
        """
        chunks = await in_thread(self._store.chunks)
        if not chunks:
            raise ConfigError(
                f"{self._store.address} has no chunks: only what workers wrote, or what went to an "
                "object store, is audited by workers"
            )
        self.progress.chunks = len(chunks)
        self.progress.total = sum(map(len, chunks))
        definitions = self._definitions
        if definitions is None:
            definitions = await in_thread(kept_in, self._store)
        check = ChunkAudit(
            store=self._store,
            deep=self._deep,
            definitions=definitions,
            network_id=self._network_id,
        )
        found: dict[Chunk, AuditedChunk] = {}

        async def take(outcome: Outcome[AuditedChunk]) -> None:
            error = outcome.error or RuntimeError("not audited")
            each = outcome.result or AuditedChunk(AuditReport(), failure=reason_of(error))
            found[outcome.chunk] = each
            self.progress.chunks_done += 1
            self.progress.done += len(outcome.chunk)
            self.progress.transactions += each.report.transactions

        await self._work(check, chunks, workers, take, at_once=workers.count)
        return _together(chunks, found)


def _together(chunks: Sequence[Chunk], found: dict[Chunk, AuditedChunk]) -> AuditReport:
    """One report of all chunks, with what is wrong between them."""
    whole = AuditReport()
    links: list[LedgerLink] = []
    end = -1
    for chunk in chunks:
        each = found.get(chunk)
        if each is None or each.failure is not None:
            why = "the audit was stopped before" if each is None else each.failure
            whole.faults.append(f"chunk {chunk} is not audited: {why}")
            continue
        report = each.report
        if report.ledgers and report.ledgers.first <= end:
            whole.faults.append(f"ledger {report.ledgers.first} is there twice, in two chunks")
        # Chunks are in order, so a ledger that is not above all before it was in one of them.
        end = max(end, report.ledgers.last if report.ledgers else end)
        whole.ledgers |= report.ledgers
        whole.transactions += report.transactions
        whole.proven += report.proven
        whole.faults += report.faults
        links += each.links
    whole.faults += (
        # What is there twice was said above, once for each chunk and not for each ledger.
        fault
        for _, fault in breaks(links)
        if fault not in whole.faults and "twice" not in fault
    )
    if whole.ledgers:
        whole.gaps = whole.ledgers.missing(whole.ledgers.first, whole.ledgers.last)
    return whole

"""The work of one task: a part of a ledger's state, read, folded, decoded and written aside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekspiper.core import Flow, PassThrough, Permanent, Pipeline, Run, Step
from ekspiper.core.chunks import Chunk, ChunkStore, Staged
from ekspiper.xrpl.codec import Definitions, Subtree
from ekspiper.xrpl.event_loop import run_in_event_loop
from ekspiper.xrpl.processors import DriftReport, LedgerObjectRecord
from ekspiper.xrpl.snapshot import StateProof
from ekspiper.xrpl.sources import LedgerObjects

from ._headers import row_count
from ._task import file_of, garbage_collected_rarely, opened_by_worker, reason_of
from .stores import SUBTREE

__all__ = ["FetchedPart", "PartFetch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPart:
    """What came of a part.

    Attributes:
        failure: why nothing of it was kept; None: it was.
        staged: its files, to be published or discarded; None where nothing was to be written.
        subtree: what all objects of the part hash to.
        records: how many of them are recorded.
        drift: what did not fit the schema.
    """

    failure: str | None = None
    staged: Staged | None = None
    subtree: Subtree | None = None
    records: int = 0
    drift: DriftReport = field(default_factory=lambda: DriftReport(0, 0))

    def to_json(self) -> bytes:
        """What a store keeps of a part beside its records, so that it need not be read again."""
        assert self.subtree is not None
        return json.dumps(
            {
                "prefix": self.subtree.prefix,
                "hash": self.subtree.hash.hex().upper(),
                "objects": self.subtree.leaves,
                "records": self.records,
            }
        ).encode()

    @classmethod
    def from_json(cls, content: bytes) -> FetchedPart:
        """The part that a store keeps."""
        kept: dict[str, Any] = json.loads(content)
        subtree = Subtree(kept["prefix"], bytes.fromhex(kept["hash"]), kept["objects"])
        return cls(subtree=subtree, records=kept["records"])


# Not in the repr, which Dask shows and logs: the URLs of nodes may have passwords in them.
@dataclass(frozen=True, slots=True, kw_only=True)
class PartFetch:
    """Fetches parts, each in its own call: `fetch(chunk)`, on any thread of any machine.

    A part is all objects whose indexes begin with the same digits; its number as a `Chunk` is what
    these digits say.

    Args:
        store: where the files are written aside.
        network: a name or URLs, as on the command line.
        network_id: of the network that all nodes must belong to.
        definitions: to read the objects by, the same for all workers.
        ledger_index, ledger_hash: the ledger.
        digits: how many digits the objects of a part have in common.
        types: ledger entry types to record; None: all. All are read, to prove the state.
        pool: arguments of `NodePool`: its share of window and rate among them.
        keeps: write the records; without, the part is only read and folded.
        avoid: nodes to ask only when no other can answer.
    """

    store: ChunkStore = field(repr=False)
    network: str = field(repr=False)
    network_id: int | None
    definitions: Definitions | None = field(default=None, repr=False)
    ledger_index: int
    ledger_hash: str
    digits: int
    types: Sequence[str] | None = None
    pool: Mapping[str, Any] = field(default_factory=dict)
    keeps: bool = True
    avoid: Sequence[str] = field(default=(), repr=False)

    def __call__(self, chunk: Chunk) -> FetchedPart:
        """Fetch a part. When that fails, nothing of it is kept, and the result says why.

        Only a `BaseException` is raised, as by `ChunkFetch`.
        """
        try:
            with garbage_collected_rarely():
                return run_in_event_loop(self._fetch(chunk) if self.keeps else self._read(chunk))
        except Exception as error:
            return FetchedPart(failure=reason_of(error))

    def prefix(self, chunk: Chunk) -> str:
        """The digits that the objects of a part have in common."""
        return f"{chunk.first:0{self.digits}X}"

    async def _read(self, chunk: Chunk) -> FetchedPart:
        proof = StateProof([self.prefix(chunk)])
        async with opened_by_worker(
            self.network, self.network_id, self.definitions, self.pool
        ) as opened:
            async for page in self._source(chunk, opened.pool):
                # Nothing is written in a second reading: its hash is all that is compared.
                await proof.collect([page])
        return FetchedPart(subtree=proof.subtrees[self.prefix(chunk)])

    async def _fetch(self, chunk: Chunk) -> FetchedPart:
        proof = StateProof([self.prefix(chunk)])
        with self.store.aside(chunk) as aside:
            async with opened_by_worker(
                self.network, self.network_id, self.definitions, self.pool
            ) as opened:
                records = LedgerObjectRecord(opened.pool.definitions)
                run = self._start(self._source(chunk, opened.pool), aside.folder, records, proof)
                await run.finish()
            subtree = proof.subtrees[self.prefix(chunk)]
            made = run.statistics().steps["ledger-objects/object-record"].items_out
            file = aside.folder / "objects.parquet"
            written = row_count(file)
            if written != made or (self.types is None and written != subtree.leaves):
                raise Permanent(
                    f"{written} objects were written, of {made} records and {subtree.leaves} leaves"
                )
            # An empty file is a file that readers would open for nothing.
            if not written:
                file.unlink()
            found = FetchedPart(subtree=subtree, records=written, drift=records.report())
            # Last of the part's files: where it is, the records are whole.
            (aside.folder / SUBTREE).write_bytes(found.to_json())
        return FetchedPart(
            staged=aside.staged, subtree=subtree, records=written, drift=records.report()
        )

    def _source(self, chunk: Chunk, pool: Any) -> LedgerObjects:
        source = LedgerObjects(
            pool,
            self.ledger_index,
            types=self.types,
            parallel=1,
            prefix=self.prefix(chunk),
            avoid=self.avoid,
        )
        source.expect(self.ledger_hash)
        return source

    def _start(
        self, source: LedgerObjects, folder: Path, records: LedgerObjectRecord, proof: StateProof
    ) -> Run:
        return Pipeline(
            Flow(
                "ledger-objects",
                source=source,
                steps=(
                    Step(
                        records,
                        name="object-record",
                        collectors=(file_of(folder, "objects", "parquet"),),
                    ),
                    Step(PassThrough(), name="prove", collectors=(proof,)),
                ),
            )
        ).start()

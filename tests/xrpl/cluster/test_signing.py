"""Chunks are published when the chain leads to them from a ledger that the validators signed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.attestation import Evidence, NotSigned, open_notary
from ekspiper.xrpl.cluster import ClusterBackfill, FetchedChunk, Workers, open_store
from ekspiper.xrpl.cluster._signed_chain import SignedChain, Span
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import LedgerLink
from ekspiper.xrpl.replay import Recording
from ekspiper.xrpl.trustees import Trustees

from .test_cluster_backfill import Inline

FIRST = 421
ANCHOR = FIRST + 60


@pytest.fixture(scope="module")
def hashes() -> dict[int, bytes]:
    with Recording.sample() as sample:
        return {at: bytes.fromhex(text) for text, at in sample.by_hash.items()}


@asynccontextmanager
async def signing(
    folder: Path, anchors: Iterable[tuple[int, bytes]], *ranges: str, **options: Any
) -> AsyncIterator[ClusterBackfill]:
    """A backfill whose only proof is ledgers that somebody gives, planned."""
    store = open_store(folder)
    trustees = Trustees(validators=(b"\xed" + bytes(32),))
    with store.locked():
        async with (
            open_network("sample") as opened,
            open_notary(opened.pool, trustees, folder=folder, anchors=anchors) as notary,
        ):
            job = ClusterBackfill(
                *("sample", opened.pool, ranges or ("421:470",), store),
                **{"notary": notary, "signed_only": True, "chunk": 10, **options},
            )
            await job.plan()
            yield job


def files(folder: Path) -> list[Path]:
    return [*folder.glob("ledgers/*/*.parquet")]


def signers(folder: Path) -> set[int | None]:
    return {
        each
        for file in files(folder)
        for each in pq.read_table(file).column("signed_by").to_pylist()
    }


def assert_signed(folder: Path, hashes: dict[int, bytes], ledgers: int) -> None:
    """The folder proves it by itself."""
    evidence = Evidence.of_folder(folder, Trustees(), given=[(ANCHOR, hashes[ANCHOR])])
    assert (evidence.faults, evidence.unsigned()) == ([], {})
    assert len(evidence.recorded) == ledgers
    assert signers(folder) == {ANCHOR}


async def test_one_verdict_covers_all_chunks(tmp_path: Path, hashes: dict[int, bytes]) -> None:
    async with signing(tmp_path, [(ANCHOR, hashes[ANCHOR])], "421:440", "450:470") as job:
        await job.run(Workers(Inline(), 2))
        report = await job.conclude()
    assert (report.fetched, report.failed, report.unsigned) == (41, {}, 0)
    assert_signed(tmp_path, hashes, 41)
    # Headers were needed down to each range, and none within one.
    known = {int.from_bytes(at[:4]) for at in pieces((tmp_path / "headers.bin").read_bytes())}
    assert known == {*range(441, ANCHOR + 1)}


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 118] for at in range(0, len(data), 118)]


async def test_a_chunk_of_another_chain_is_refused(
    tmp_path: Path, hashes: dict[int, bytes]
) -> None:
    class Forked(Inline):
        """The nodes of a worker serve a chain of their own, which is consistent."""

        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            if chunk.first != 460:
                return fetched
            assert fetched.headers is not None
            first, last = fetched.headers.links
            forged = (first, LedgerLink(last.ledger_index, "F" * 64, last.parent_hash))
            return replace(fetched, headers=replace(fetched.headers, links=forged))

    async with signing(tmp_path, [(ANCHOR, hashes[ANCHOR])], "421:469") as job:
        await job.run(Workers(Forked(), 2))
        report = await job.conclude()
    assert sorted(report.failed) == [*range(460, 470)]
    assert "is signed" in report.failed[460]
    # The others are proven past it, by headers.
    assert report.fetched == 39
    assert_signed(tmp_path, hashes, 39)


async def test_a_chunk_that_fails_does_not_hold_up_the_others(
    tmp_path: Path, hashes: dict[int, bytes]
) -> None:
    class Broken(Inline):
        def changed(self, chunk: Chunk, fetched: FetchedChunk) -> FetchedChunk:
            return FetchedChunk(failure="lost") if chunk.first in (450, 460) else fetched

    async with signing(tmp_path, [(ANCHOR, hashes[ANCHOR])]) as job:
        await job.run(Workers(Broken(), 2))
        report = await job.conclude()
    assert report.fetched == 30
    assert_signed(tmp_path, hashes, 30)
    async with signing(tmp_path, [(ANCHOR, hashes[ANCHOR])]) as job:
        await job.run(Workers(Inline(), 2))
        assert (await job.conclude()).fetched == 20
    assert_signed(tmp_path, hashes, 50)


async def test_what_was_there_and_is_not_signed_is_a_fault(
    tmp_path: Path, hashes: dict[int, bytes]
) -> None:
    async with signing(tmp_path, (), "430:439", notary=None, signed_only=False) as job:
        await job.run(Workers(Inline(), 1))
    assert signers(tmp_path) == {None}
    (file,) = files(tmp_path)
    table = pq.read_table(file)
    at = table.schema.get_field_index("ledger_hash")
    forged = [*table.column("ledger_hash").to_pylist()[:-1], "F" * 64]
    pq.write_table(table.set_column(at, table.schema.field(at), [forged]), file)
    async with signing(tmp_path, [(ANCHOR, hashes[ANCHOR])], "421:439") as job:
        await job.run(Workers(Inline(), 1))
        report = await job.conclude()
    assert "is signed" in report.failed[439]
    assert report.fetched == 9


async def test_without_a_signature_nothing_or_only_hashes(
    tmp_path: Path, hashes: dict[int, bytes]
) -> None:
    wrong = [(ANCHOR, b"\xab" * 32)]
    async with signing(tmp_path, wrong) as job:
        with pytest.raises(NotSigned, match="ledger 470 is not signed"):
            await job.run(Workers(Inline(), 1))
    assert not files(tmp_path)
    async with signing(tmp_path, wrong, "421:430", signed_only=False) as job:
        await job.run(Workers(Inline(), 1))
        report = await job.conclude()
    assert (report.fetched, report.unsigned) == (10, 10)
    assert signers(tmp_path) == {None}


def test_the_order_in_which_chunks_arrive_does_not_matter() -> None:
    links = [LedgerLink(at, f"{at:064X}", f"{at - 1:064X}") for at in range(100)]
    spans = [Span(links[at], links[at + 9]) for at in range(0, 100, 10)]
    for seed in range(20):
        chain, found = SignedChain(), list[Span]()
        chain.expect(99, links[99].ledger_hash)
        for span in random.Random(seed).sample(spans, k=len(spans)):
            chain.add(span)
            proven, contradicted = chain.follow()
            found += proven
            assert not contradicted
        assert found == spans[::-1]
        assert chain.waiting == []
        assert chain.above(0) is None

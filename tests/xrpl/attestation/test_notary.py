"""Which ledgers are proven while they close, and what the operator reads when none is."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.attestation import HeaderReader, ListStore, Notary, ProofArchive, read_archive
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.trust import SignedLedger, Validation, key_text
from ekspiper.xrpl.trustees import Publisher, Trustees

from ..trust.small_network import NOW, SmallNetwork
from .fake_pool import FakePool, until


def chain(network: SmallNetwork, first: int, last: int) -> list[LedgerHeader]:
    headers: list[LedgerHeader] = []
    parent = bytes(32)
    for index in range(first, last + 1):
        headers.append(network.header(index, parent=parent))
        parent = headers[-1].ledger_hash
    return headers


def sign(network: SmallNetwork, pool: FakePool, header: LedgerHeader, by: int = 4) -> None:
    for each in network.validators[:by]:
        pool.send(each.validation(header.ledger_index, header.ledger_hash))


@asynccontextmanager
async def notary(
    network: SmallNetwork, pool: FakePool, document: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Notary]:
    async def fetch(location: str) -> bytes:
        return json.dumps(document or network.document()).encode()

    trustees = Trustees((Publisher(network.publisher.public, "https://vl.example"),))
    lists = ListStore(trustees, fetch=fetch, clock=lambda: NOW)
    async with Notary(pool, trustees, lists, **options) as opened:
        yield opened


async def test_a_ledger_with_a_quorum_is_proven(network: SmallNetwork) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    async with notary(network, pool) as opened:
        waiting = asyncio.create_task(opened.proven(1000))
        await pool.subscribed.wait()
        sign(network, pool, header, by=3)
        sign(network, pool, header)
        proven = await waiting
    assert (proven.ledger_hash, proven.signed_by) == (header.ledger_hash, 1000)
    assert opened.counts == {"counted": 4}, "what a second node gave as well counts once"


async def test_ledgers_without_validations_are_proven_by_a_later_one(
    network: SmallNetwork,
) -> None:
    pool = FakePool()
    headers = chain(network, 1000, 1800)
    pool.chain(headers)
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        sign(network, pool, headers[-1])
        proven = [await opened.proven(each.ledger_index) for each in headers]
    assert [each.ledger_hash for each in proven] == [each.ledger_hash for each in headers]
    assert {each.signed_by for each in proven} == {1800}
    assert len(pool.asked) == 800, "each header is asked for once"


async def test_a_node_that_lies_about_a_header_is_reported(network: SmallNetwork) -> None:
    pool = FakePool()
    headers = chain(network, 1000, 1010)
    pool.chain(headers)
    pool.lies[1005] = network.header(1005).to_bytes()
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        sign(network, pool, headers[-1])
        proven = await opened.proven(1000)
    assert proven.ledger_hash == headers[0].ledger_hash
    assert [node for node, _ in pool.liars] == ["liar"]


async def test_a_false_chain_from_the_start_proves_nothing(network: SmallNetwork) -> None:
    pool = FakePool()
    pool.chain([network.header(1009), network.header(1010, account_hash=b"\x66" * 32)])
    true = chain(network, 1000, 1010)
    pool.closed[1010] = {"ledger_hash": pool.headers[1010].ledger_hash.hex().upper()}
    async with notary(network, pool, headers=HeaderReader(pool)) as opened:
        await pool.subscribed.wait()
        sign(network, pool, true[-1])
        assert (await opened.proven(1010)).ledger_hash == true[-1].ledger_hash
        waiting = asyncio.create_task(opened.proven(1009))
        await until(lambda: bool(pool.liars))
        assert not waiting.done()
        waiting.cancel()


async def test_a_forged_ledger_is_named(
    network: SmallNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    pool.closed[1000] = {"ledger_hash": "AB" * 32}
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        sign(network, pool, header)
        await opened.proven(1000)
        assert "give another node" in opened.problem()
        agreed = network.header(1001)
        pool.closed[1001] = {"ledger_hash": agreed.ledger_hash.hex().upper()}
        sign(network, pool, agreed)
        await opened.proven(1001)
        assert opened.problem() == ""
    assert "its ledger is forged and is not recorded" in caplog.text


async def test_three_of_five_prove_nothing_and_the_operator_reads_why(
    network: SmallNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    async with notary(network, pool, patience=0.05) as opened:
        await pool.subscribed.wait()
        sign(network, pool, header, by=3)
        await until(lambda: "3 of 5" in opened.problem())
        assert "4 are needed" in opened.problem()
        await until(lambda: "nothing is recorded" in caplog.text)
        caplog.set_level(logging.INFO)
        pool.send(network.validators[4].validation(1000, header.ledger_hash))
        await opened.proven(1000)
        assert opened.problem() == ""
        await until(lambda: "recorded again" in caplog.text)


async def test_nodes_that_give_no_validations(network: SmallNetwork) -> None:
    pool = FakePool()
    async with notary(network, pool, patience=0.02) as opened:
        await until(lambda: "no node gives validations" in opened.problem())
        assert 'trust = "hashed"' in opened.problem()


async def test_validations_without_their_bytes(network: SmallNetwork) -> None:
    pool = FakePool()
    async with notary(network, pool, patience=0.02) as opened:
        await pool.subscribed.wait()
        pool.messages.queue.put_nowait({"type": "validationReceived", "ledger_hash": "AB" * 32})
        await until(lambda: "without their bytes" in opened.problem())


async def test_an_expired_list(network: SmallNetwork) -> None:
    pool = FakePool()
    document = network.document(expiration=NOW)
    async with notary(network, pool, document, patience=0.02) as opened:
        await until(lambda: "expired on" in opened.problem())


async def test_a_rotated_key_is_asked_for(network: SmallNetwork) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    new = network.validators[3].rotated()
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        sign(network, pool, header, by=3)
        text = key_text(new.master.public)
        pool.manifests[text] = new.manifest()
        pool.send(new.validation(1000, header.ledger_hash), master_key=text)
        proven = await opened.proven(1000)
    assert proven.signed_by == 1000
    assert pool.asked == [{"command": "manifest", "public_key": text}]


async def test_a_rotated_key_from_the_stream(network: SmallNetwork) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    new = network.validators[3].rotated()
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        sign(network, pool, header, by=3)
        pool.send(new.validation(1000, header.ledger_hash), master_key="not a key")
        pool.send_manifest(new.manifest())
        assert (await opened.proven(1000)).signed_by == 1000


async def test_malformed_messages_and_floods_are_survived(network: SmallNetwork) -> None:
    pool = FakePool()
    (header,) = chain(network, 1000, 1000)
    async with notary(network, pool) as opened:
        await pool.subscribed.wait()
        for number in range(300):
            pool.messages.queue.put_nowait({"type": "validationReceived", "data": f"{number:04x}"})
            pool.messages.queue.put_nowait({"type": "validationReceived", "data": number})
            pool.messages.queue.put_nowait({"type": "manifestReceived", "manifest": number})
        sign(network, pool, header)
        await opened.proven(1000)
    assert opened.counts["malformed"] == 900


class TestArchive:
    async def test_the_proof_of_a_flag_ledger_is_kept_before_it_is_proven(
        self, network: SmallNetwork, tmp_path: Path
    ) -> None:
        pool = FakePool()
        headers = chain(network, 1020, 1030)
        pool.chain(headers)
        archive = ProofArchive(tmp_path / "proofs.jsonl")
        async with notary(network, pool, archive=archive) as opened:
            await pool.subscribed.wait()
            for each in headers:
                sign(network, pool, each)
            for each in headers[:5]:
                await opened.proven(each.ledger_index)
            (found,) = read_archive(archive.path)
            assert isinstance(found, SignedLedger)
            assert (found.ledger_index, len(found.validations)) == (1024, 4)
            assert found.verdict(network.trusted).signed

    async def test_validations_that_come_late_are_added(
        self, network: SmallNetwork, tmp_path: Path
    ) -> None:
        pool = FakePool()
        headers = chain(network, 1024, 1030)
        pool.chain(headers)
        archive = ProofArchive(tmp_path / "proofs.jsonl")
        async with notary(network, pool, archive=archive) as opened:
            await pool.subscribed.wait()
            sign(network, pool, headers[0])
            await opened.proven(1024)
            late: Validation = network.validators[4].validation(1024, headers[0].ledger_hash)
            pool.send(late)
            for each in headers[1:]:
                sign(network, pool, each)
                await opened.proven(each.ledger_index)
            await until(lambda: len(list(read_archive(archive.path))) >= 2)
        counts = [
            len(each.validations)
            for each in read_archive(archive.path)
            if isinstance(each, SignedLedger)
        ]
        assert counts == [4, 5]

    async def test_each_ledger_when_asked_for(self, network: SmallNetwork, tmp_path: Path) -> None:
        pool = FakePool()
        headers = chain(network, 1020, 1023)
        pool.chain(headers)
        archive = ProofArchive(tmp_path / "proofs.jsonl")
        async with notary(network, pool, archive=archive, each=True) as opened:
            await pool.subscribed.wait()
            for each in headers:
                sign(network, pool, each)
                await opened.proven(each.ledger_index)
        assert archive.newest == 1023


async def test_headers_are_cached(network: SmallNetwork, tmp_path: Path) -> None:
    headers = chain(network, 1000, 1600)
    pool = FakePool()
    pool.chain(headers)
    cache = tmp_path / "headers.bin"
    top = headers[-1]
    for asked in (601, 0):
        pool.asked.clear()
        walk = HeaderReader(pool, cache=cache).walk(1600, top.ledger_hash, 1000)
        assert [each.ledger_index async for each in walk] == list(range(1600, 999, -1))
        assert len(pool.asked) == asked
    changed = bytearray(cache.read_bytes())
    changed[50 * 118 + 60] ^= 1
    cache.write_bytes(changed + b"half a header")
    pool.asked.clear()
    walk = HeaderReader(pool, cache=cache).walk(1600, top.ledger_hash, 1000)
    assert len([each async for each in walk]) == 601
    assert len(pool.asked) == 1, "what does not fit is asked for again"

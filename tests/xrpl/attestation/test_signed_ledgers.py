"""From a source through signatures to fetched ledgers: what is recorded, and what never is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ekspiper.core import ConfigError, Retryable
from ekspiper.core.testing import ListSource
from ekspiper.xrpl.attestation import ListStore, Notary, NotSigned, SignedLedgers
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.processors import FetchLedger, ledger_record
from ekspiper.xrpl.sources import LedgerRef
from ekspiper.xrpl.trustees import Publisher, Trustees, known_publishers, read_trust

from ..trust.small_ledger import SmallLedger
from ..trust.small_network import NOW, SmallNetwork
from .fake_pool import FakeAnswer, FakePool, until
from .small_folder import chain


class LedgerPool(FakePool):
    """Serves whole ledgers: one node that lies, and an honest one where a test wants it."""

    network_id = 1021
    definitions = Definitions.bundled()

    def __init__(self, ledgers: list[SmallLedger], forged: list[SmallLedger] | None = None) -> None:
        super().__init__()
        self.chain([each.header for each in ledgers])
        self.true = {each.index: each for each in ledgers}
        self.forged = {each.index: each for each in forged or ()}
        self.has_honest_node = True

    async def ask(
        self,
        request: Any,
        *,
        ledger_index: int | None = None,
        avoid: Collection[str] = (),
        blobs: bool = False,
    ) -> FakeAnswer:
        index = request["ledger_index"]
        lies = index in self.forged and ("liar" not in avoid or not self.has_honest_node)
        ledger = self.forged[index] if lies else self.true[index]
        rows = [
            {"tx_blob": tx.hex(), "meta_blob": meta.hex(), "hash": key.hex().upper()}
            for key, (tx, meta) in ledger.transactions.items()
        ]
        result = {
            "ledger": {"ledger_data": ledger.header.to_bytes().hex(), "transactions": rows},
            "ledger_hash": ledger.hash.hex().upper(),
            "ledger_index": index,
            "validated": True,
        }
        return FakeAnswer(result, "liar" if lies else "honest")

    def nodes(self) -> list[Any]:
        return []


@asynccontextmanager
async def signing(network: SmallNetwork, pool: FakePool, **options: Any) -> AsyncIterator[Notary]:
    async def fetch(location: str) -> bytes:
        return json.dumps(network.document()).encode()

    trustees = Trustees((Publisher(network.publisher.public, "https://vl.example"),))
    lists = ListStore(trustees, fetch=fetch, clock=lambda: NOW)
    async with Notary(pool, trustees, lists, **options) as notary:  # type: ignore[arg-type]
        await pool.subscribed.wait()
        yield notary


def refs(first: int, last: int) -> ListSource[LedgerRef]:
    return ListSource([LedgerRef(index) for index in range(first, last + 1)])


def sign(network: SmallNetwork, pool: FakePool, ledger: SmallLedger, by: int = 5) -> None:
    for each in network.validators[:by]:
        pool.send(each.validation(ledger.index, ledger.hash))


@pytest.fixture(scope="module")
def ledgers() -> list[SmallLedger]:
    return chain(100, 110)


def forge(ledgers: list[SmallLedger], first: int) -> list[SmallLedger]:
    """Other ledgers from one on, whose hashes and links all fit."""
    forged: list[SmallLedger] = []
    for each in ledgers:
        if each.index >= first:
            parent = forged[-1].hash if forged else each.parent
            forged.append(SmallLedger(each.index, parent=parent, payments=1))
    return forged


async def test_ledgers_are_fetched_as_they_were_signed(
    network: SmallNetwork, ledgers: list[SmallLedger]
) -> None:
    pool = LedgerPool(ledgers)
    async with signing(network, pool) as notary:
        for each in (ledgers[4], ledgers[10]):
            sign(network, pool, each)
        fetch = FetchLedger(pool)  # type: ignore[arg-type]
        records = []
        async for ref in SignedLedgers(refs(100, 110), notary):
            (ledger,) = await fetch.process(ref)
            records.append(ledger_record(ledger))
    assert [record["signed_by"] for record in records] == [104] * 5 + [110] * 6
    assert [record["ledger_hash"] for record in records] == [
        each.hash.hex().upper() for each in ledgers
    ]


async def test_another_node_serves_what_one_has_forged(
    network: SmallNetwork, ledgers: list[SmallLedger]
) -> None:
    pool = LedgerPool(ledgers, forge(ledgers, 105))
    pool.closed[106] = {"ledger_hash": pool.forged[106].hash.hex().upper()}
    async with signing(network, pool) as notary:
        for each in ledgers:
            sign(network, pool, each)
        fetch = FetchLedger(pool)  # type: ignore[arg-type]
        fetched = []
        async for ref in SignedLedgers(refs(100, 110), notary):
            fetched += await fetch.process(ref)
    assert [each.ledger_hash for each in fetched] == [each.hash.hex().upper() for each in ledgers]
    assert {node for node, _ in pool.liars} == {"liar"}


async def test_one_node_with_a_forged_chain_gives_nothing_that_is_recorded(
    network: SmallNetwork, ledgers: list[SmallLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.xrpl.processors.fetch_ledger._PAUSE", 0.0)
    pool = LedgerPool(ledgers, forge(ledgers, 105))
    pool.has_honest_node = False
    async with signing(network, pool) as notary:
        for each in ledgers:
            sign(network, pool, each)
        fetch = FetchLedger(pool)  # type: ignore[arg-type]
        fetched = []
        async for ref in SignedLedgers(refs(100, 110), notary):
            if ref.ledger_index < 105:
                fetched += await fetch.process(ref)
                continue
            with pytest.raises(Retryable, match="as the validators have signed it: liar: it is"):
                await fetch.process(ref)
    assert [each.ledger_index for each in fetched] == list(range(100, 105))


async def test_a_forged_chain_with_three_signatures_waits(
    network: SmallNetwork, ledgers: list[SmallLedger]
) -> None:
    pool = LedgerPool(ledgers)
    async with signing(network, pool, patience=0.05) as notary:
        for each in forge(ledgers, 100):
            sign(network, pool, each, by=3)
        source = aiter(SignedLedgers(refs(100, 110), notary))
        waiting = asyncio.ensure_future(anext(source))
        await until(lambda: "3 of 5" in notary.problem())
        assert not waiting.done()
        waiting.cancel()


async def test_the_past_is_proven_by_what_is_noted(
    network: SmallNetwork, ledgers: list[SmallLedger]
) -> None:
    from ekspiper.xrpl.attestation import ProvenHash

    pool = LedgerPool(ledgers)
    async with signing(network, pool) as notary:
        notary.chain.note(ProvenHash(110, ledgers[-1].hash, 110))
        backwards = ListSource([LedgerRef(index) for index in range(109, 99, -1)])
        source = SignedLedgers(backwards, notary, first=100, otherwise="fail")
        assert [ref.signed_by async for ref in source] == [110] * 10


async def test_what_cannot_be_signed_is_passed_on_or_fails(
    network: SmallNetwork, ledgers: list[SmallLedger]
) -> None:
    pool = LedgerPool(ledgers)
    async with signing(network, pool, patience=0.02) as notary:
        passing = SignedLedgers(refs(100, 102), notary, otherwise="pass")
        assert [ref.signed_by async for ref in passing] == [None] * 3
        assert passing.unsigned == 3
        failing = SignedLedgers(refs(100, 102), notary, otherwise="fail")
        with pytest.raises(NotSigned, match="ledger 100 is not signed: no node gives validations"):
            await anext(aiter(failing))


class TestTrustChoice:
    def test_networks_with_publishers_are_signed(self) -> None:
        choice = read_trust([])
        assert choice.of_network(0) == known_publishers(0)
        assert not choice.of_network(None)
        assert not choice.of_network(1021)

    def test_hashed_is_chosen(self) -> None:
        assert not read_trust(["hashed"]).of_network(0)

    def test_signed_needs_somebody(self) -> None:
        with pytest.raises(ConfigError, match=r"no publisher .* is known for network 1021"):
            read_trust(["signed"]).of_network(1021)

    def test_contradictions(self) -> None:
        with pytest.raises(ConfigError, match="give it alone"):
            read_trust(["hashed", "signed"])

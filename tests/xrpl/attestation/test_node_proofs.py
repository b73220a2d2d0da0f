"""Proofs of what nodes serve: what is written, and what is said where nothing can be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ekspiper.xrpl.attestation import (
    ListStore,
    NodeProofs,
    Notary,
    node_proofs,
)
from ekspiper.xrpl.client import RequestError
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.trust import NotProven, Proof, check_proof
from ekspiper.xrpl.trustees import Publisher, Trustees

from ..trust.small_ledger import SmallLedger
from ..trust.small_network import NOW, SmallNetwork
from .fake_pool import FakePool
from .small_folder import chain

LEDGERS = chain(1001, 1006)
NEWEST = LEDGERS[-1]


class ServingPool(FakePool):
    """Serves the transactions of ledgers as well."""

    definitions = Definitions.bundled()
    network_id = 1021

    def __init__(self) -> None:
        super().__init__()
        self.chain([each.header for each in LEDGERS])
        self.validated = True
        self.served = {each.index: each for each in LEDGERS}

    async def request(self, request: Any) -> dict[str, Any]:
        if request["command"] == "tx":
            key = bytes.fromhex(request["transaction"])
            for each in LEDGERS:
                if key in each.transactions:
                    return {"ledger_index": each.index, "validated": self.validated}
            raise RequestError("txnNotFound", "Transaction not found.", request)
        if request["command"] == "ledger":
            return answer(self.served[request["ledger_index"]])
        return await super().request(request)


def answer(small: SmallLedger) -> dict[str, Any]:
    rows = [
        {"hash": key.hex().upper(), "tx_blob": tx.hex(), "meta_blob": meta.hex()}
        for key, (tx, meta) in small.transactions.items()
    ]
    ledger = {"ledger_data": small.header.to_bytes().hex(), "transactions": rows}
    return {"validated": True, "ledger_hash": small.hash.hex().upper(), "ledger": ledger}


@asynccontextmanager
async def opened(network: SmallNetwork, pool: ServingPool) -> AsyncIterator[NodeProofs]:
    """With a notary that has heard a quorum for the newest ledger."""

    async def fetch(location: str) -> bytes:
        return json.dumps(network.document()).encode()

    trustees = Trustees((Publisher(network.publisher.public, "https://vl.example"),))
    lists = ListStore(trustees, fetch=fetch, clock=lambda: NOW)
    async with Notary(pool, trustees, lists) as notary:
        await pool.subscribed.wait()
        for each in network.validators[:4]:
            pool.send(each.validation(NEWEST.index, NEWEST.hash))
        yield NodeProofs(pool, notary)  # type: ignore[arg-type]


def checked(network: SmallNetwork, document: bytes) -> Proof:
    return check_proof(document, {network.publisher.public: None})


@pytest.mark.parametrize("small", [LEDGERS[0], NEWEST], ids=["earlier", "newest"])
async def test_headers_lead_to_the_ledger_of_a_transaction(
    network: SmallNetwork, small: SmallLedger
) -> None:
    key = list(small.transactions)[-1]
    async with opened(network, ServingPool()) as proofs:
        proof = checked(network, await proofs.transaction(key))
    assert proof.verdict.ledger_index == NEWEST.index
    assert [(leaf.leaf.key, leaf.header.ledger_index) for leaf in proof.leaves] == [
        (key, small.index)
    ]


async def test_an_xpop_is_for_the_ledger_that_is_signed(network: SmallNetwork) -> None:
    async with opened(network, ServingPool()) as proofs:
        proof = checked(
            network, await proofs.transaction(next(iter(NEWEST.transactions)), format="xpop")
        )
        assert proof.format == "XPOP"
        with pytest.raises(NotProven, match="needs the signatures of ledger 1001 itself"):
            await proofs.transaction(next(iter(LEDGERS[0].transactions)), format="xpop")


async def test_a_transaction_of_long_ago_is_proven_from_a_folder(
    network: SmallNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_proofs, "_FARTHEST", 4)
    async with opened(network, ServingPool()) as proofs:
        with pytest.raises(NotProven, match=r"of ledger 1001, 5 ledgers ago, .* \(--in DIR\)"):
            await proofs.transaction(next(iter(LEDGERS[0].transactions)))
        assert await proofs.transaction(next(iter(LEDGERS[1].transactions)))


async def test_what_no_node_has_is_not_proven(network: SmallNetwork) -> None:
    pool = ServingPool()
    async with opened(network, pool) as proofs:
        with pytest.raises(NotProven, match=r"no node has the transaction 0000.*txnNotFound"):
            await proofs.transaction(bytes(32))
        pool.validated = False
        with pytest.raises(NotProven, match="is in no validated ledger yet"):
            await proofs.transaction(next(iter(NEWEST.transactions)))


async def test_a_node_that_gives_another_ledger_proves_nothing(network: SmallNetwork) -> None:
    """Its transactions must hash to the header to which the signatures lead."""
    pool = ServingPool()
    small = LEDGERS[1]
    other = SmallLedger(small.index, payments=small.payments + 1)
    pool.served[small.index] = other
    async with opened(network, pool) as proofs:
        document = await proofs.transaction(next(iter(small.transactions)))
    with pytest.raises(NotProven):
        checked(network, document)

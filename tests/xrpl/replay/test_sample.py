"""The sample is whole: every hash in it can be computed from what lies beside it."""

from __future__ import annotations

from typing import Any

from ekspiper.xrpl.codec import LedgerHeader, transaction_id
from ekspiper.xrpl.replay import SAMPLE, Recording, ReplayNode

from .conftest import ask, client


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 3_000_000


async def test_the_ledgers_are_a_chain(sample: Recording) -> None:
    request: dict[str, Any] = {"transactions": True, "expand": True, "binary": True}
    parent, count = None, 0
    async with ReplayNode(sample) as node, client(node) as socket:
        for index in range(sample.first, sample.last + 1):
            asked = {"command": "ledger", "ledger_index": index, "api_version": 2, **request}
            result = (await ask(socket, asked))["result"]
            header = LedgerHeader.from_bytes(bytes.fromhex(result["ledger"]["ledger_data"]))
            assert header.ledger_hash.hex().upper() == result["ledger_hash"]
            assert parent in (None, header.parent_hash)
            parent = header.ledger_hash
            for entry in result["ledger"]["transactions"]:
                name = transaction_id(bytes.fromhex(entry["tx_blob"]))
                assert name.hex().upper() == entry["hash"]
                count += 1
    assert count == 2793


async def test_it_is_rich_in_kinds(sample: Recording) -> None:
    kinds: set[str] = set()
    request = {"command": "ledger", "transactions": True, "expand": True, "api_version": 2}
    async with ReplayNode(sample) as node, client(node) as socket:
        for index in range(sample.first, sample.last + 1):
            result = (await ask(socket, {**request, "ledger_index": index}))["result"]
            kinds.update(t["tx_json"]["TransactionType"] for t in result["ledger"]["transactions"])
    assert len(kinds) == 72


async def test_it_has_the_state_of_its_last_ledger(sample: Recording) -> None:
    async with ReplayNode(sample) as node, client(node) as socket:
        request: dict[str, Any] = {"command": "ledger_data", "ledger_index": 540, "binary": True}
        objects = []
        while True:
            result = (await ask(socket, request))["result"]
            objects += result["state"]
            if "marker" not in result:
                break
            request["marker"] = result["marker"]
    assert len(objects) == 3200
    keys = [item["index"] for item in objects]
    assert keys == sorted(set(keys))


async def test_it_says_what_it_holds(sample: Recording) -> None:
    async with ReplayNode(sample) as node, client(node) as socket:
        info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
        assert info["complete_ledgers"] == "421-540"
        definitions = (await ask(socket, {"command": "server_definitions"}))["result"]
        assert len(definitions["FIELDS"]) > 200

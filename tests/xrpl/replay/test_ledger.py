"""`ledger` in every form that a request can ask for."""

from __future__ import annotations

from typing import Any

import pytest

from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client

FULL = {"command": "ledger", "transactions": True, "expand": True, "api_version": 2}


async def result(recording: Recording, **request: Any) -> dict[str, Any]:
    async with ReplayNode(recording) as node, client(node) as socket:
        answer = await ask(socket, {"command": "ledger", "id": 1, **request})
        assert answer["status"] == "success", answer
        found: dict[str, Any] = answer["result"]
        return found


async def test_by_every_name_of_one_ledger(recording: Recording) -> None:
    name = recording.ledgers[302].hash
    async with ReplayNode(recording) as node, client(node) as socket:
        asked: list[dict[str, Any]] = [
            {"ledger_index": 302},
            {"ledger_index": "302"},
            {"ledger_index": "validated"},
            {"ledger_index": "closed"},
            {"ledger_hash": name},
            {"ledger_hash": name.lower()},
            {"ledger": "validated"},
            {"ledger_index": name},
        ]
        answers = [await ask(socket, {**FULL, **by, "binary": True}) for by in asked]
    assert all(answer["result"] == answers[0]["result"] for answer in answers)
    assert answers[0]["result"]["ledger_hash"] == name


async def test_the_header_alone(recording: Recording) -> None:
    whole = await result(recording, ledger_index=30, transactions=True, expand=True, api_version=2)
    del whole["ledger"]["transactions"]
    assert await result(recording, ledger_index=30, api_version=2) == whole
    whole["ledger"]["ledger_index"] = "30"
    assert await result(recording, ledger_index=30) == whole


async def test_the_header_alone_in_binary(recording: Recording) -> None:
    found = await result(recording, ledger_index=30, binary=True, api_version=2)
    assert found["ledger"].keys() == {"closed", "ledger_data"}
    header = LedgerHeader.from_bytes(bytes.fromhex(found["ledger"]["ledger_data"]))
    assert header.ledger_hash.hex().upper() == found["ledger_hash"]


@pytest.mark.parametrize("binary", [False, True])
async def test_hashes_only(binary_only: Recording, binary: bool) -> None:
    whole = await result(binary_only, **{**FULL, "ledger_index": 30, "binary": True})
    found = await result(
        binary_only, ledger_index=30, transactions=True, binary=binary, api_version=2
    )
    hashes = [entry["hash"] for entry in whole["ledger"]["transactions"]]
    assert found["ledger"]["transactions"] == hashes


async def test_version_1_in_binary(binary_only: Recording) -> None:
    two = await result(binary_only, **{**FULL, "ledger_index": 30, "binary": True})
    one = await result(
        binary_only, **{**FULL, "ledger_index": 30, "binary": True, "api_version": 1}
    )
    assert one["ledger"]["transactions"] == [
        {"tx_blob": entry["tx_blob"], "meta": entry["meta_blob"]}
        for entry in two["ledger"]["transactions"]
    ]


async def test_the_open_ledger(recording: Recording) -> None:
    found = await result(recording, ledger_index="current", api_version=2)
    assert found["validated"] is False
    assert found["ledger_current_index"] == 303
    assert found["ledger"]["parent_hash"] == recording.ledgers[302].hash


async def test_no_ledger_named(recording: Recording) -> None:
    found = await result(recording, api_version=2)
    assert found["closed"]["ledger"]["ledger_index"] == 302
    assert found["open"]["ledger"]["closed"] is False


async def test_tx(binary_only: Recording) -> None:
    whole = await result(binary_only, **{**FULL, "ledger_index": 30})
    entry = whole["ledger"]["transactions"][0]
    async with ReplayNode(binary_only) as node, client(node) as socket:
        request = {"command": "tx", "transaction": entry["hash"], "api_version": 2}
        found = (await ask(socket, request))["result"]
        assert found["meta"] == entry["meta"]
        assert found["tx_json"].items() >= entry["tx_json"].items()
        assert found["ledger_index"] == 30
        flat = (await ask(socket, {**request, "api_version": 1}))["result"]
        assert flat["meta"] == entry["meta"]
        assert flat["hash"] == entry["hash"]
        blobs = (await ask(socket, {**request, "binary": True}))["result"]
        assert blobs.keys() >= {"tx_blob", "meta_blob", "hash", "ledger_index"}
        missing = await ask(socket, {**request, "transaction": "0" * 64})
        assert (missing["error"], missing["error_code"]) == ("txnNotFound", 29)

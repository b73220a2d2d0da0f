"""`book_offers` and `amm_info` where nothing was recorded for just that ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client, lines_of


def a_gap(lines: list[dict[str, Any]], key: str) -> tuple[dict[str, Any], int]:
    """A recorded line, and a later ledger before the next answer about the same thing."""
    for line in lines:
        request = line["request"]
        later = {
            other["request"]["ledger_index"]
            for other in lines
            if other["request"].get(key) == request[key]
            and other["request"].get("taker_pays") == request.get("taker_pays")
        }
        index = request["ledger_index"] + 1
        if index not in later and line["response"]["result"].get("offers") != []:
            return line, index
    raise AssertionError("every ledger was recorded")


async def test_the_latest_answer_before_the_ledger(recording: Recording, recorded: Path) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        for name, key, body in (
            ("book_offers_v2", "taker_gets", "offers"),
            ("amm_info_v2", "amm_account", "amm"),
        ):
            line, index = a_gap(lines_of(recorded / f"{name}.jsonl.gz"), key)
            result = (await ask(socket, {**line["request"], "ledger_index": index}))["result"]
            assert result[body] == line["response"]["result"][body]
            assert result["ledger_index"] == index
            assert result["ledger_hash"] == recording.ledgers[index].hash
            assert result["validated"] is True


async def test_before_the_first_answer(recording: Recording, recorded: Path) -> None:
    book = lines_of(recorded / "book_offers_v2.jsonl.gz")[0]["request"]
    pool = lines_of(recorded / "amm_info_v2.jsonl.gz")[0]["request"]
    async with ReplayNode(recording) as node, client(node) as socket:
        result = (await ask(socket, {**book, "ledger_index": 4}))["result"]
        assert result["offers"] == []
        assert result["ledger_index"] == 4
        assert (await ask(socket, {**pool, "ledger_index": 4}))["error"] == "actNotFound"


async def test_the_limit(recording: Recording, recorded: Path) -> None:
    lines = lines_of(recorded / "book_offers_v2.jsonl.gz")
    line = max(lines, key=lambda x: len(x["response"]["result"]["offers"]))
    offers = line["response"]["result"]["offers"]
    usual = {name: value for name, value in line["request"].items() if name != "limit"}
    async with ReplayNode(recording) as node, client(node) as socket:
        assert len(offers) == 51
        assert (await ask(socket, usual))["result"]["offers"] == offers
        for limit, size in ((5, 5), (0, 1), (100, len(offers)), (500, len(offers))):
            result = (await ask(socket, {**usual, "limit": limit}))["result"]
            assert result["offers"] == offers[:size]


async def test_a_pool_by_its_assets(recording: Recording, recorded: Path) -> None:
    line = lines_of(recorded / "amm_info_v2.jsonl.gz")[-1]
    amm, index = line["response"]["result"]["amm"], line["request"]["ledger_index"]
    assets = [
        {"currency": "XRP"}
        if isinstance(amount, str)
        else {"currency": amount["currency"], "issuer": amount["issuer"]}
        for amount in (amm["amount"], amm["amount2"])
    ]
    async with ReplayNode(recording) as node, client(node) as socket:
        for one, two in (assets, assets[::-1]):
            request = {"command": "amm_info", "asset": one, "asset2": two, "ledger_index": index}
            assert (await ask(socket, request))["result"] == line["response"]["result"]


async def test_the_open_ledger(recording: Recording, recorded: Path) -> None:
    request = dict(lines_of(recorded / "book_offers_v2.jsonl.gz")[-1]["request"])
    del request["ledger_index"]
    async with ReplayNode(recording) as node, client(node) as socket:
        result = (await ask(socket, request))["result"]
    assert result["ledger_current_index"] == 303
    assert result["validated"] is False

"""Transactions come as one buffer for those who asked for it so, and as JSON for all others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.client._call import Call
from ekspiper.xrpl.client._open_requests import OpenRequests
from ekspiper.xrpl.client.pool import _BLOBS
from ekspiper.xrpl.codec import TransactionBlobs
from ekspiper.xrpl.replay import SAMPLE, ReplayProcess
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

pytestmark = pytest.mark.usefixtures("either_codec")
RESULT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "ledgers" / "242.json").read_text()
)["binary"]


def frame(number: object, result: Any = RESULT) -> bytes:
    return orjson.dumps({"id": number, "result": result, "status": "success", "type": "response"})


@pytest.fixture
async def requests() -> OpenRequests:
    made = OpenRequests()
    for cut in (_BLOBS, None):
        answer = asyncio.get_running_loop().create_future()
        made.add(Call({"command": "ledger"}, answer, ledger_index=242, cut=cut), 0.0)
    made.add_own()
    return made


async def test_only_who_asked_gets_blobs(
    requests: OpenRequests, request: pytest.FixtureRequest
) -> None:
    transactions = requests.read(frame(1))["result"]["ledger"]["transactions"]
    if "pure Python" in request.node.name:
        assert transactions == RESULT["ledger"]["transactions"]
        return
    assert isinstance(transactions, TransactionBlobs)
    verify_ledger(parse_ledger(requests.read(frame(1))["result"]))


@pytest.mark.parametrize("number", [2, 3, 4, None, "1", True, [1]])
async def test_all_others_get_what_the_frame_says(requests: OpenRequests, number: object) -> None:
    assert requests.read(frame(number)) == orjson.loads(frame(number))


@pytest.mark.parametrize(
    "result",
    [
        {"transactions": RESULT["ledger"]["transactions"]},
        {"ledger": {"inside": RESULT["ledger"]}},
        {"ledger": None, "other": RESULT["ledger"]},
        [RESULT],
        "",
    ],
)
async def test_in_another_place_they_are_json(requests: OpenRequests, result: object) -> None:
    assert requests.read(frame(1, result)) == orjson.loads(frame(1, result))


async def test_what_is_not_json_is_refused(requests: OpenRequests) -> None:
    for text in (frame(1)[:-1], frame(1) + b"}", b"", b"\xff" * 2000):
        with pytest.raises(orjson.JSONDecodeError):
            requests.read(text)


async def test_from_a_node() -> None:
    ask = {"command": "ledger", "transactions": True, "expand": True, "binary": True}
    async with ReplayProcess(Path(SAMPLE)) as node, NodePool(node.url) as pool:
        as_blobs = await pool.ask({**ask, "ledger_index": 470}, blobs=True)
        as_json = await pool.ask({**ask, "ledger_index": 470})
    rows = as_json.result["ledger"]["transactions"]
    assert isinstance(rows, list)
    ledger = parse_ledger(as_blobs.result)
    verify_ledger(ledger)
    assert {each.hash for each in ledger.transactions} == {row["hash"] for row in rows}

"""`ledger_data` pages as rippled's do; `ledger_entry` finds every object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client, lines_of

PAGE: dict[str, Any] = {"command": "ledger_data", "ledger_index": 302, "api_version": 2}


def every_object(recorded: Path) -> list[dict[str, Any]]:
    pages = lines_of(recorded / "ledger_data_v2_302.jsonl.gz")
    return [item for page in pages for item in page["response"]["result"]["state"]]


@pytest.mark.parametrize(
    ("binary", "limit", "size"),
    [(False, None, 256), (False, 5000, 256), (True, None, 2048), (True, 99999, 2048), (True, 7, 7)],
)
async def test_limits(recording: Recording, binary: bool, limit: int | None, size: int) -> None:
    request = {**PAGE, "binary": binary} | ({} if limit is None else {"limit": limit})
    async with ReplayNode(recording) as node, client(node) as socket:
        result = (await ask(socket, request))["result"]
    assert len(result["state"]) == size
    assert ("ledger_data" in result["ledger"]) is binary


@pytest.mark.parametrize("limit", [100, 333])
async def test_pages_follow_their_markers(recording: Recording, recorded: Path, limit: int) -> None:
    found: list[dict[str, Any]] = []
    request = {**PAGE, "limit": limit}
    async with ReplayNode(recording) as node, client(node) as socket:
        while True:
            result = (await ask(socket, request))["result"]
            assert ("ledger" in result) is ("marker" not in request)
            found += result["state"]
            if "marker" not in result:
                break
            request["marker"] = result["marker"]
    assert found == every_object(recorded)


async def test_any_key_is_a_marker(recording: Recording, recorded: Path) -> None:
    objects = every_object(recorded)
    async with ReplayNode(recording) as node, client(node) as socket:
        for marker in ("00" * 32, "40" + "00" * 31, objects[500]["index"], "FF" * 32):
            result = (await ask(socket, {**PAGE, "marker": marker, "limit": 3}))["result"]
            expected = [item for item in objects if item["index"] > marker][:3]
            assert result["state"] == expected


async def test_the_type_is_looked_at_after_the_limit(recording: Recording, recorded: Path) -> None:
    objects = every_object(recorded)
    async with ReplayNode(recording) as node, client(node) as socket:
        for name, entry in (("account", "AccountRoot"), ("amm", "AMM"), ("offer", "Offer")):
            found, empty = [], 0
            request = {**PAGE, "type": name, "limit": 50}
            while True:
                result = (await ask(socket, request))["result"]
                found += result["state"]
                empty += not result["state"]
                if "marker" not in result:
                    break
                request["marker"] = result["marker"]
            assert found == [item for item in objects if item["LedgerEntryType"] == entry]
            assert empty > 0 or entry != "AMM"


async def test_ledger_entry(recording: Recording, recorded: Path) -> None:
    item = every_object(recorded)[40]
    request = {"command": "ledger_entry", "ledger_index": 302, "index": item["index"]}
    async with ReplayNode(recording) as node, client(node) as socket:
        result = (await ask(socket, request))["result"]
        assert result["node"] == item
        assert result["index"] == item["index"]
        binary = (await ask(socket, {**request, "binary": True}))["result"]
        assert recording.decoder.ledger_object(bytes.fromhex(binary["node_binary"])) == {
            name: value for name, value in item.items() if name != "index"
        }
        missing = await ask(socket, {**request, "index": "AB" * 32})
        assert missing["error"] == "entryNotFound"
        assert (await ask(socket, {**request, "index": "AB"}))["error"] == "malformedRequest"

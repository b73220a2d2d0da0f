"""Every answer is the one that rippled gave, over a real WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client, lines_of


@pytest.mark.parametrize(
    "name",
    [
        "ledger_v2_binary",
        "ledger_v2",
        "ledger_v1",
        "book_offers_v2",
        "amm_info_v2",
        "ledger_data_v2_302",
        "ledger_data_v2_binary_302",
    ],
)
async def test_recorded(recording: Recording, recorded: Path, name: str) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        for line in lines_of(recorded / f"{name}.jsonl.gz")[::3]:
            assert await ask(socket, line["request"]) == line["response"]


async def test_about_the_server_and_bad_requests(recording: Recording, recorded: Path) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        for line in lines_of(recorded / "misc.jsonl.gz"):
            answer = await ask(socket, line["request"])
            expected = line["response"]
            for key in ("info", "state"):
                about = expected.get("result", {}).get(key)
                if isinstance(about, dict):
                    # The recorded server had ledger 2 too, which was not recorded.
                    about["complete_ledgers"] = "3-302"
            assert answer == expected


@pytest.mark.parametrize(("name", "version"), [("ledger_v2", 2), ("ledger_v1", 1)])
async def test_json_made_from_binary(
    binary_only: Recording, recorded: Path, name: str, version: int
) -> None:
    async with ReplayNode(binary_only) as node, client(node) as socket:
        for line in lines_of(recorded / f"{name}.jsonl.gz"):
            assert line["request"]["api_version"] == version
            assert await ask(socket, line["request"]) == line["response"]


async def test_version_1_made_from_version_2(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes((recorded / "ledger_v2.jsonl.gz").read_bytes())
    with Recording.load(tmp_path) as loaded:
        async with ReplayNode(loaded) as node, client(node) as socket:
            for line in lines_of(recorded / "ledger_v1.jsonl.gz")[::7]:
                assert await ask(socket, line["request"]) == line["response"]


async def test_version_2_made_from_version_1(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes((recorded / "ledger_v1.jsonl.gz").read_bytes())
    with Recording.load(tmp_path) as loaded:
        async with ReplayNode(loaded) as node, client(node) as socket:
            for line in lines_of(recorded / "ledger_v2.jsonl.gz")[::7]:
                assert await ask(socket, line["request"]) == line["response"]


async def test_a_state_in_json_made_from_binary(shared_data: Path) -> None:
    with Recording.sample() as sample:
        async with ReplayNode(sample) as node, client(node) as socket:
            for line in lines_of(shared_data / "network" / "ledger_data_v2_540.jsonl.gz"):
                assert await ask(socket, line["request"]) == line["response"]


async def test_the_sample_has_the_books_of_the_recording(shared_data: Path) -> None:
    with Recording.sample() as sample:
        async with ReplayNode(sample) as node, client(node) as socket:
            for name in ("book_offers_v2", "amm_info_v2"):
                for line in lines_of(shared_data / "network" / f"{name}.jsonl.gz")[::5]:
                    if line["request"]["ledger_index"] in sample.ledgers:
                        assert await ask(socket, line["request"]) == line["response"]

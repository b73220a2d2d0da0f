"""A recording that was made of a node serves the same run again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.recorder import record_state
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.snapshot import Snapshot, StateMismatch
from tests.command import ekspiper


async def backfilled(network: str, out: Path) -> dict[str, bytes]:
    async with open_network(network) as opened:
        folder = OutputFolder(out, command="backfill")
        job = Backfill(opened.pool, ["528:540"], folder, books=True)
        await job.plan()
        await job.start().finish()
    return {
        name: folder.table(name).read_bytes()
        for name in ("transactions", "ledgers", "book_offers", "amms")
    }


def record(out: Path, *options: str) -> None:
    done = ekspiper("record", "528:540", "--out", out, *options)
    assert done.code == 0, done.err


async def served(recording: Path, out: Path) -> tuple[dict[str, bytes], int]:
    with Recording.load(recording) as loaded:
        assert (loaded.first, loaded.last) == (528, 540)
        async with ReplayNode(loaded) as node:
            again = await backfilled(node.url, out / "again")
            async with open_network(node.url) as opened:
                job = Snapshot(opened.pool, OutputFolder(out / "state", command="snapshot"))
                run = await job.start()
                await run.finish()
                report = await job.conclude(run)
    return again, report.objects


def test_a_recording_gives_the_same_records(tmp_path: Path) -> None:
    record(tmp_path / "recording", "--state")
    again, objects = asyncio.run(served(tmp_path / "recording", tmp_path))
    assert objects == 3200
    assert again == asyncio.run(backfilled("sample", tmp_path / "first"))
    assert again["book_offers"].count(b"\n") > 20


def test_recording_again_adds_nothing(tmp_path: Path) -> None:
    record(tmp_path)
    before = (tmp_path / "ledger_v2_binary.jsonl.gz").read_bytes()
    record(tmp_path)
    assert (tmp_path / "ledger_v2_binary.jsonl.gz").read_bytes() == before


async def test_a_state_that_is_not_the_ledgers_is_not_recorded() -> None:
    with Recording.sample() as sample:
        async with ReplayNode(sample, faults="forgedObject") as node, NodePool(node.url) as pool:
            with pytest.raises(StateMismatch, match="the objects of ledger 540 hash to "):
                [line async for line in record_state(pool, 540)]

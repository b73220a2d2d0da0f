"""One flipped byte anywhere in a recording is caught, told, and keeps no other ledger back."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.backfill import Backfill, BackfillReport
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import SAMPLE, run
from .truth import Truth, read_jsonl

LEDGERS = "ledger_v2_binary.jsonl.gz"
SHORT = 8
"""Ledgers of the sample that a corrupted copy keeps: enough to have some before and after."""

FIELDS = ("tx_blob", "meta_blob", "ledger_data")
PLACES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ekspiper.xrpl.processors.fetch_ledger._PAUSE", 0.0)


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """The first ledgers of the sample."""
    with gzip.open(SAMPLE / LEDGERS) as file:
        return [json.loads(next(file)) for _ in range(SHORT)]


@pytest.fixture
def corrupted(tmp_path: Path, lines: list[dict[str, Any]]) -> Callable[..., tuple[Path, int]]:
    """Writes a recording in which one bit is another; its folder, and the ledger."""

    def make(field: str, place: float, bit: int) -> tuple[Path, int]:
        copies = json.loads(json.dumps(lines))
        victim = copies[SHORT // 2]["response"]["result"]
        rows = victim["ledger"]["transactions"]
        holder = victim["ledger"] if field == "ledger_data" else rows[len(rows) // 2]
        holder[field] = _flipped(holder[field], place, bit)
        folder = tmp_path / "recording"
        folder.mkdir()
        with gzip.open(folder / LEDGERS, "wt", compresslevel=1) as file:
            file.writelines(json.dumps(each) + "\n" for each in copies)
        shutil.copy(SAMPLE / "server.jsonl.gz", folder)
        return folder, victim["ledger_index"]

    return make


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_flipped_bit_is_caught(
    tmp_path: Path, sample: Truth, corrupted: Callable[..., Any], field: str, place: float
) -> None:
    bit = random.Random(f"{field}{place}").randrange(8)
    folder, index = corrupted(field, place, bit)
    report = await _backfill(folder, tmp_path / "out")
    kept = list(read_jsonl(tmp_path / "out" / "ledgers.jsonl"))
    assert [row["ledger_index"] for row in kept] == [
        each for each in range(421, 421 + SHORT) if each != index
    ]
    assert list(report.failed) == [index]
    (letter,) = read_jsonl(tmp_path / "out" / "dead_letters.jsonl")
    assert letter["position"] == index
    assert letter["error"] == "VerificationError"
    assert f"ledger {index} is not proven" in letter["message"]
    hashes = [row["hash"] for row in read_jsonl(tmp_path / "out" / "transactions.jsonl")]
    expected = [sample.hashes[row["ledger_index"]] for row in kept]
    assert hashes == [one for each in expected for one in each]


async def test_another_node_gives_the_ledger_that_one_has_wrong(
    tmp_path: Path, sample: Truth, corrupted: Callable[..., Any]
) -> None:
    folder, _ = corrupted("meta_blob", 0.5, 3)
    report = await _backfill(folder, tmp_path / "out", SAMPLE)
    assert report.failed == {}
    sample.check(tmp_path / "out", 421, 421 + SHORT - 1, books=False)


def test_the_daemon_ends_with_exit_code_3_and_a_letter(
    tmp_path: Path, sample: Truth, corrupted: Callable[..., Any], serve: Callable[..., str]
) -> None:
    folder, index = corrupted("tx_blob", 0.4, 1)
    out = tmp_path / "out"
    last = 421 + SHORT - 1
    done = run(
        *("daemon", "--network", serve(folder), "--from", 421, "--until", last),
        *("--out", out, "--http", "off"),
        code=3,
    )
    assert f"dead letter at {index}: " in done.stderr
    assert "1 ledgers have dead letters: see" in done.stderr
    assert f"Verified: {SHORT - 1} of {SHORT} ledgers" in done.stderr
    letters = [each for each in read_jsonl(out / "dead_letters.jsonl") if each["position"] == index]
    assert len(letters) == 1
    assert "hash" in letters[0]["message"]
    assert [row["ledger_index"] for row in read_jsonl(out / "ledgers.jsonl")] == [
        each for each in range(421, last + 1) if each != index
    ]


async def _backfill(bad: Path, out: Path, *good: Path) -> BackfillReport:
    async with _nodes(bad, *good) as pool:
        job = Backfill(pool, [f"421:+{SHORT}"], OutputFolder(out, command="backfill"))
        await job.plan()
        run = job.start()
        await run.finish()
        return job.conclude(run)


@asynccontextmanager
async def _nodes(*folders: Path) -> AsyncIterator[NodePool]:
    if not folders[1:]:
        with Recording.load(folders[0]) as recording:
            async with ReplayNode(recording) as node, NodePool(node.url) as pool:
                yield pool
        return
    with Recording.load(folders[0]) as bad, Recording.load(folders[1]) as good:
        async with (
            ReplayNode(bad) as one,
            ReplayNode(good) as two,
            NodePool([one.url, two.url]) as pool,
        ):
            yield pool


def _flipped(text: str, place: float, bit: int) -> str:
    data = bytearray.fromhex(text)
    data[int(place * len(data))] ^= 1 << bit
    return data.hex().upper()

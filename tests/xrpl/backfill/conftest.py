"""The sample network, and what a backfill of it must leave."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl import replay
from ekspiper.xrpl.backfill import Backfill, BackfillReport
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording, ReplayNode

SAMPLE = Path(replay.__file__).parent / "sample"


@pytest.fixture(scope="session")
def hashes() -> dict[int, list[str]]:
    """The hashes of the transactions of each ledger of the sample, in order."""
    found = {}
    with gzip.open(SAMPLE / "ledger_v2_binary.jsonl.gz") as lines:
        for line in lines:
            result = json.loads(line)["response"]["result"]
            rows = result["ledger"]["transactions"]
            rows.sort(key=lambda row: row["meta_blob"][4:12])
            found[result["ledger_index"]] = [row["hash"] for row in rows]
    return found


@pytest.fixture
async def pool(sample: Recording) -> AsyncIterator[NodePool]:
    """A node that serves all of it."""
    async with ReplayNode(sample) as node, NodePool(node.url, ledger_timeout=0.2) as opened:
        yield opened


Fill = Callable[..., Any]


@pytest.fixture
def fill(pool: NodePool, tmp_path: Path) -> Fill:
    """Backfills ranges into `out`."""

    async def go(*ranges: str, format: str = "jsonl", **options: Any) -> BackfillReport:
        folder = OutputFolder(tmp_path / "out", command="backfill", format=format)
        job = Backfill(pool, ranges, folder, **options)
        await job.plan()
        run = job.start() if job.missing else None
        if run is not None:
            await run.finish()
        return job.conclude(run)

    return go


def rows(path: Path) -> list[Any]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]

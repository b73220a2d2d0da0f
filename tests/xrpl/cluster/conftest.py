"""Backfills by chunks of the sample network, with real workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.audit import AuditReport, audit
from ekspiper.xrpl.cluster import ClusterBackfill, open_store
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.replay import ReplayProcess

pytest.importorskip("distributed", reason="dask.distributed is not installed")

TRANSACTIONS = 2793
"""In the 120 ledgers of the sample."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A node with the sample, in its own process, which takes its time."""
    async with ReplayProcess(latency=0.05) as node:
        yield node.url


@asynccontextmanager
async def backfill(
    network: str, folder: Path, *ranges: str, **options: Any
) -> AsyncIterator[ClusterBackfill]:
    """A backfill that is planned, and concluded by the test."""
    store = open_store(folder)
    with store.locked():
        async with open_network(network) as opened:
            job = ClusterBackfill(network, opened.pool, ranges or ["421:540"], store, **options)
            await job.plan()
            yield job


def proven(folder: Path) -> AuditReport:
    """What `verify --deep` says of a folder: its network has fields that only the folder names."""
    return audit(folder, deep=True)


def assert_whole(folder: Path) -> None:
    """Each transaction of the sample once, the chain whole, every record proven."""
    report = proven(folder)
    assert report.faults == []
    assert str(report.ledgers) == "421-540"
    assert (report.transactions, report.proven) == (TRANSACTIONS, 120)
    assert not (folder / ".chunks" / "staging").exists()

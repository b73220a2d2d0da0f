"""Fourteen ledgers of the sample network, as a backfill writes them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only."""
    path = tmp_path_factory.mktemp("written")

    async def write() -> None:
        async with open_network("sample") as network:
            job = Backfill(network.pool, ["468:481"], OutputFolder(path, command="backfill"))
            await job.plan()
            await job.start().finish()

    asyncio.run(write())
    return path


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy, to be altered."""
    return Path(shutil.copytree(written, tmp_path / "out"))

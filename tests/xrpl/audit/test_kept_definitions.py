"""A folder keeps what its network's nodes say of fields, so that an audit of it needs no node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.codec import Definitions, DefinitionsError
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import DEFINITIONS, OutputFolder, kept_definitions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("past")


@pytest.fixture
async def past(folder: Path) -> Path:
    """A backfill of the sample, whose server has names that the bundled definitions lack."""
    async with open_network("sample") as network:
        job = Backfill(network.pool, ["-20:"], OutputFolder(folder, command="backfill"))
        await job.plan()
        if job.missing:
            await job.start().finish()
    return folder


async def test_what_was_kept_proves_every_record(past: Path) -> None:
    report = audit(past, deep=True)
    assert report.faults == []
    assert report.proven == 20


async def test_by_the_bundled_definitions_alone_it_would_not(past: Path) -> None:
    report = audit(past, deep=True, definitions=Definitions.bundled())
    assert any("MutableFlags" in str(fault) for fault in report.faults)


async def test_damaged_definitions_are_named(past: Path) -> None:
    path = past / DEFINITIONS
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:100])
        with pytest.raises(DefinitionsError, match=r"definitions\.json"):
            audit(past, deep=True)
    finally:
        path.write_bytes(whole)


def test_a_folder_of_the_bundled_definitions_keeps_none(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out", command="backfill")
    output.keep_definitions(Definitions.bundled())
    assert kept_definitions(tmp_path / "out") is None


async def test_definitions_are_the_same_after_a_file() -> None:
    async with open_network("sample") as network:
        merged = network.definitions
    assert merged is not Definitions.bundled()
    again = Definitions.from_server(json.loads(json.dumps(merged.to_json())))
    for name in Definitions.__slots__:
        assert getattr(again, name) == getattr(merged, name), name

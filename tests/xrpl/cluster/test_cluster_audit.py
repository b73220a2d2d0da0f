"""`verify` by chunks says of a place what `verify` by one process says of a folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ekspiper.core import ConfigError
from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.audit import AuditReport, audit
from ekspiper.xrpl.cluster import ClusterAudit, Workers, open_store, stored_at
from tests.command import ekspiper

from .conftest import TRANSACTIONS
from .test_cluster_backfill import Inline, fill


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample in twelve chunks."""
    folder = tmp_path_factory.mktemp("written")
    asyncio.run(fill(folder, workers=Workers(Inline(), 2), chunk=10))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy, to be spoiled."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


async def audited(folder: Path, **options: Any) -> AuditReport:
    with Workers.in_process() as workers:
        return await ClusterAudit(stored_at(folder), deep=True, **options).run(workers)


async def test_it_finds_what_an_audit_of_the_folder_finds(written: Path) -> None:
    found, whole = await audited(written), audit(written, deep=True)
    assert found == whole
    assert (found.transactions, found.proven, found.faults) == (TRANSACTIONS, 120, [])


def file_of(folder: Path, table: str, first: int) -> Path:
    return folder / open_store(folder).place(table, Chunk(first, first + 9))


def changed(file: Path, column: str, change: Callable[[list[Any]], list[Any]]) -> None:
    table = pq.read_table(file)
    at = table.schema.get_field_index(column)
    values = change(table.column(column).to_pylist())
    pq.write_table(table.set_column(at, table.schema.field(at), [values]), file)


async def test_a_changed_record_is_found(folder: Path) -> None:
    changed(file_of(folder, "transactions.parquet", 440), "Sequence", lambda all: [7, *all[1:]])
    found = await audited(folder)
    assert found.faults == audit(folder, deep=True).faults != []
    assert found.proven == 119


async def test_a_chunk_that_is_gone_is_a_gap(folder: Path) -> None:
    for table in ("ledgers.parquet", "transactions.parquet"):
        file_of(folder, table, 450).unlink()
    found = await audited(folder)
    assert (str(found.gaps), found.faults) == ("450-459", [])


async def test_a_file_that_is_gone_is_a_fault(folder: Path) -> None:
    file_of(folder, "transactions.parquet", 450).unlink()
    found = await audited(folder)
    assert found.faults
    assert found.faults[0].startswith("ledger 450: 0 transactions, its record says ")


async def test_a_break_between_chunks_is_found(folder: Path) -> None:
    def forged(hashes: list[Any]) -> list[Any]:
        return [*hashes[:-1], "F" * 64]

    changed(file_of(folder, "ledgers.parquet", 450), "ledger_hash", forged)
    found = await audited(folder)
    assert any(fault.startswith("ledger 460 has the parent") for fault in found.faults)


async def test_ledgers_in_two_chunks_are_found(folder: Path) -> None:
    store = open_store(folder)
    for table in ("ledgers.parquet", "transactions.parquet"):
        shutil.copy(file_of(folder, table, 450), folder / store.place(table, Chunk(455, 464)))
    found = await audited(folder)
    assert "ledger 450 is there twice, in two chunks" in found.faults


async def test_a_chunk_that_cannot_be_audited_is_a_fault(folder: Path) -> None:
    class Lost(Inline):
        def submit(self, fetch: Any, /, *args: Any, **_: Any) -> Future[Any]:
            if args[0].first == 450:
                future: Future[Any] = Future()
                future.set_exception(OSError("the worker is gone"))
                return future
            return super().submit(fetch, *args)

    file_of(folder, "ledgers.parquet", 460).write_bytes(b"torn")
    found = await ClusterAudit(stored_at(folder)).run(Workers(Lost(), 2))
    assert found.faults[0] == "chunk 450:459 is not audited: the worker is gone"
    assert found.faults[1].startswith("chunk 460:469 is not audited: ")


async def test_what_has_no_chunks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no chunks"):
        await audited(tmp_path)
    assert not [*tmp_path.iterdir()]  # noqa: ASYNC240 - nobody else runs


def test_the_command_with_workers(written: Path) -> None:
    done = ekspiper("verify", written, "--deep", "--workers", 2)
    assert done.code == 0, done.err
    assert "120 ledgers (421-540)" in done.out
    assert "Every transaction of 120 ledgers is proven" in done.out
    done = ekspiper("verify", written, "--workers", 2, "--scheduler", "tcp://127.0.0.1:1")
    assert done.code == 2

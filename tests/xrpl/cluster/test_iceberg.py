"""A backfill by workers into Iceberg: each chunk takes the place of its ledgers, in tables that readers know."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.core.chunks import ChunkStore, Staged
from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.cluster import ClusterBackfill, Workers, open_store
from ekspiper.xrpl.open_network import open_network
from tests.command import ekspiper

from .conftest import TRANSACTIONS
from .test_cluster_backfill import Inline

catalog: Any = pytest.importorskip("pyiceberg.catalog", reason="pyiceberg is not installed")


async def fill(store: ChunkStore, *ranges: str, **options: Any) -> ClusterBackfill:
    with store.locked():
        async with open_network("sample") as opened:
            job = ClusterBackfill("sample", opened.pool, ranges, store, **options)
            await job.plan()
            if job.missing:
                await job.run(Workers(Inline(), 2))
            return job


def table(folder: Path, name: str) -> Any:
    uri = f"sqlite:///{folder}/catalog.db"
    loaded = catalog.load_catalog("ekspiper", type="sql", uri=uri, warehouse=folder.as_uri())
    try:
        return loaded.load_table(f"xrpl.{name}")
    finally:
        loaded.close()


async def test_it_continues_and_is_proven(tmp_path: Path) -> None:
    store = open_store(tmp_path, format="iceberg")
    await fill(store, "421:478", chunk=50)
    job = await fill(store, "421:540", chunk=100)
    report = await job.conclude()
    assert (report.present, report.fetched, report.failed) == (58, 62, {})
    found = audit(tmp_path, deep=True)
    assert (found.faults, str(found.ledgers)) == ([], "421-540")
    assert (found.transactions, found.proven) == (TRANSACTIONS, 120)
    # Other programs read it as they read any table.
    hashes = table(tmp_path, "transactions").scan(selected_fields=("hash",)).to_arrow()
    assert len(set(hashes.column("hash").to_pylist())) == hashes.num_rows == TRANSACTIONS
    nothing = await fill(store, "421:540")
    assert not nothing.missing
    # What is withdrawn is gone from each of the tables.
    with store.locked():
        for chunk in store.chunks():
            store.withdraw(chunk)
    assert store.chunks() == store.chunks("transactions.parquet") == []


async def test_who_only_reads_leaves_no_catalog_open(tmp_path: Path) -> None:
    store = open_store(tmp_path, format="iceberg")
    await fill(store, "421:430", chunk=10)
    closed: list[str] = []
    opened = store._made  # type: ignore[attr-defined]

    def watched(name: str, schema: Any) -> Any:
        found = opened(name, schema)
        close = found.close
        found.close = lambda: (closed.append(name), close())
        return found

    store._made = watched  # type: ignore[attr-defined]
    (chunk,) = store.chunks()
    assert closed == ["ledgers"]
    assert store.read(store.place("transactions.parquet", chunk))
    assert closed == ["ledgers", "transactions"]


async def test_a_crash_between_tables_is_repaired(tmp_path: Path) -> None:
    store = open_store(tmp_path, format="iceberg")
    await fill(store, "421:430", chunk=10)

    class Killed(BaseException):
        """In the middle of publishing a chunk: all tables but the last one are committed."""

    async def crash() -> None:
        made = store._made  # type: ignore[attr-defined]

        def until_ledgers(name: str, schema: Any) -> Any:
            if name == "ledgers" and schema.names:
                raise Killed
            return made(name, schema)

        with store.locked():
            async with open_network("sample") as opened:
                job = ClusterBackfill("sample", opened.pool, ["431:439"], store, chunk=10)
                await job.plan()
                store._made = until_ledgers  # type: ignore[attr-defined]
                try:
                    await job.run(Workers(Inline(), 1))
                finally:
                    store._made = made  # type: ignore[attr-defined]

    with pytest.raises(Killed):
        await crash()
    orphans = table(tmp_path, "transactions").scan(row_filter="ledger_index > 430").to_arrow()
    assert orphans.num_rows
    again = open_store(tmp_path, format="iceberg")
    with again.locked():
        again.repair()
    left = table(tmp_path, "transactions").scan(row_filter="ledger_index > 430").to_arrow()
    assert not left.num_rows
    await fill(again, "421:439")
    assert audit(tmp_path, deep=True).faults == []


async def test_published_twice_a_chunk_replaces_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, format="iceberg")
    publish = store.publish

    def twice(staged: Staged) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(store, "discard", lambda staged: None)
            publish(staged)
        publish(staged)

    monkeypatch.setattr(store, "publish", twice)
    await fill(store, "421:429", chunk=10)
    found = audit(tmp_path, deep=True)
    assert (found.faults, found.proven) == ([], 9)


def test_workers_get_no_catalog(tmp_path: Path) -> None:
    store = open_store(tmp_path, format="iceberg")
    assert store.chunks() == []
    assert pickle.loads(pickle.dumps(store)).address == str(tmp_path)


def test_formats_do_not_share_a_folder(tmp_path: Path) -> None:
    open_store(tmp_path, format="iceberg")
    with pytest.raises(ConfigError, match="belongs to `ekspiper backfill --workers as iceberg`"):
        open_store(tmp_path)
    with pytest.raises(ConfigError, match="takes Parquet"):
        open_store("s3://lake/x", format="iceberg")


def test_the_command(tmp_path: Path) -> None:
    done = ekspiper("backfill", "421:430", "-n", "sample", "-o", tmp_path, "--format", "iceberg")
    assert done.code == 0, done.err
    done = ekspiper("verify", tmp_path, "--deep", "--signed")
    assert done.code == 0, done.err
    assert "10 ledgers (421-430)" in done.out

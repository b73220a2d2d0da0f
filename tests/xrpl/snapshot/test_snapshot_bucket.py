"""A snapshot into an object store: proven, continued after kill -9, refused where others write."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from chaos.s3_server import SECRET, S3Thread, serving
from ekspiper.core import ConfigError
from ekspiper.core.bucket import Bucket
from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.attestation import FolderProofs
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.cluster import ClusterSnapshot, Workers, open_state_store
from ekspiper.xrpl.codec import Definitions, state_root
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_bucket import OutputBucket
from ekspiper.xrpl.output_folder import DEFINITIONS
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.snapshot import Snapshot, StateMismatch
from tests.command import ekspiper

pytest.importorskip("obstore", reason="obstore is not installed")
parquet = pytest.importorskip(
    "ekspiper.sinks.parquet", reason="ekspiper-sinks[parquet] is not installed"
)

URL = "s3://lake/state"
COUNT = 3200


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Thread]:
    with serving(tmp_path / "s3") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def keys() -> list[str]:
    return [record["index"] for record in parquet.read_records(f"{URL}/objects")]


def test_it_is_proven_and_continued_after_kill_9(server: S3Thread) -> None:
    # Held up in its first commit of rows, so that it is killed in the middle.
    server.faults.slow = 60
    server.faults.plan("slow", "PUT", "staging/")
    command = [sys.executable, "-m", "ekspiper.xrpl", "snapshot", "-n", "sample", "-o", URL]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not server.faults.struck:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = ekspiper("snapshot", "-n", "sample", "-o", URL, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["folder"] == URL
    assert json.loads(done.out)["objects"] == COUNT
    found = keys()
    assert len(found) == len(set(found)) == COUNT
    assert SECRET not in done.out + done.err
    assert not [name for name in Bucket(URL).sizes() if "staging" in name]
    other = ekspiper("snapshot", "-n", "sample", "-o", URL, "--ledger", 538)
    assert "holds a snapshot of ledger 540, not 538; choose another place" in other.err


async def test_what_is_not_proven_is_set_aside() -> None:
    with Recording.sample() as recording:
        async with ReplayNode(recording, faults="lostObject") as node, NodePool(node.url) as pool:
            job = Snapshot(pool, OutputBucket(URL, command="snapshot"))
            run = await job.start()
            await run.finish()
            with pytest.raises(StateMismatch, match=re.escape(f"{URL}/objects.unverified, do not")):
                await job.conclude(run)
    names = Bucket(URL).sizes()
    assert not [name for name in names if name.startswith(("objects/", ".objects.ekspiper"))]
    assert len(list(parquet.read_records(f"{URL}/objects.unverified"))) == COUNT - 1
    assert ".checkpoint/snapshot.parquet.json" not in names


def test_a_place_of_others_is_refused() -> None:
    Bucket(URL).put("objects/theirs.parquet", b"x")
    with pytest.raises(ConfigError, match=r"holds objects/theirs\.parquet, which `ekspiper snap"):
        OutputBucket(URL, command="snapshot").refuse_others("objects")
    done = ekspiper("snapshot", "-n", "sample", "-o", URL)
    assert done.code != 0
    assert "choose another place with --out URL" in done.err
    lines = ekspiper("snapshot", "-n", "sample", "-o", "s3://lake/other", "--format", "jsonl")
    assert "files in an object store are Parquet" in lines.err


async def test_by_workers_it_is_proven_continued_and_refused_where_others_write() -> None:
    async def take() -> tuple[int, int]:
        with Workers.in_process() as workers, store.locked():
            async with open_network("sample") as opened:
                job = ClusterSnapshot("sample", opened.pool, store)
                await job.plan()
                await job.run(workers)
                return len(job.missing), (await job.conclude(workers)).objects

    def kept() -> list[str]:
        files = (store.place("objects.parquet", each) for each in store.chunks("objects.parquet"))
        tables = [arrow_parquet.read_table(BytesIO(store.read(file) or b"")) for file in files]
        return [key for table in tables for key in table.column("index").to_pylist()]

    arrow_parquet = pytest.importorskip("pyarrow.parquet")
    store = open_state_store(URL)
    assert await take() == (16, COUNT)
    assert len(set(kept())) == len(kept()) == COUNT
    definitions = Definitions.from_server(json.loads(store.read(DEFINITIONS.as_posix()) or b""))
    index, objects = FolderProofs.of_snapshot(URL, definitions)
    about = json.loads(store.read("snapshot.json") or b"")
    assert (index, state_root(objects).hex().upper()) == (540, about["account_hash"])
    # As after a crash in the middle: one part is not there.
    store.withdraw(Chunk(3, 3))
    assert len(kept()) < COUNT
    assert await take() == (1, COUNT)
    assert len(set(kept())) == len(kept()) == COUNT
    with pytest.raises(ConfigError, match="which `ekspiper snapshot` did not write"):
        OutputBucket(URL, command="snapshot").refuse_others("objects")
    other = Bucket("s3://lake/other")
    other.put(".checkpoint/snapshot.parquet.json", b"{}")
    with pytest.raises(ConfigError, match="`ekspiper snapshot --workers` did not write"):
        open_state_store(other.url)

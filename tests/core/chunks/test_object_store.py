"""A store of chunks in an object store that does wrong what it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.s3_server import FAULTS, SECRET, S3Thread, serving
from ekspiper.core import Retryable
from ekspiper.core.bucket import Bucket, BucketLock
from ekspiper.core.chunks import Chunk, ObjectStore

pytest.importorskip("obstore", reason="obstore is not installed")

TABLES = ("items.txt", "index.txt")
LARGE = b"x" * 12_000_000
"""So large that it is put in parts."""


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Thread]:
    with serving(tmp_path / "s3") as running:
        running.faults.slow = 0.8
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def store(fault: str = "", *, patience: float = 60.0) -> ObjectStore:
    """Where an answer is to be slow, it waits for one for less time than that."""
    made = ObjectStore("s3://lake/chunks", TABLES, unit="items")
    timeout = 0.5 if fault == "slow" else 30.0
    made._bucket = Bucket("s3://lake/chunks", patience=patience, timeout=timeout)
    return made


def write(into: ObjectStore, chunk: Chunk, content: bytes) -> None:
    with into.aside(chunk) as aside:
        for table in TABLES:
            (aside.folder / table).write_bytes(content)
    assert aside.staged is not None
    into.publish(aside.staged)


def whole(content: bytes, *chunks: Chunk) -> None:
    found = store()
    assert found.chunks() == sorted(chunks)
    for chunk in chunks:
        for table in TABLES:
            assert found.read(found.place(table, chunk)) == content
    assert not [name for name in found._bucket.sizes() if "staging" in name]


PLACES = [("PUT", "staging/"), ("PUT", "items/"), ("PUT", "index/"), ("POST", "lake")]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_chunk_lands_whole_whatever_goes_wrong(server: S3Thread, fault: str) -> None:
    into = store(fault)
    with into.locked():
        for number, (command, part) in enumerate(PLACES):
            server.faults.plan(fault, command, part)
            write(into, Chunk(number, number), b"content")
    assert len(server.faults.struck) == len(PLACES)
    whole(b"content", *(Chunk(number, number) for number in range(len(PLACES))))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_part_of_a_large_object_comes_again(server: S3Thread, fault: str) -> None:
    into = store(fault)
    with into.locked():
        server.faults.plan(fault, "PUT", "staging/", times=2)
        server.faults.plan(fault, "POST", "staging/")
        write(into, Chunk(0, 9), LARGE)
    assert len(server.faults.struck) == 3
    whole(LARGE, Chunk(0, 9))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_read_that_is_cut_comes_again(server: S3Thread, fault: str) -> None:
    into = store(fault)
    with into.locked():
        write(into, Chunk(0, 9), b"content" * 1000)
    server.faults.plan(fault, "GET", "items/")
    assert into.read(into.place("items.txt", Chunk(0, 9))) == b"content" * 1000
    assert server.faults.struck


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lock_is_ours_though_the_answer_was_lost(server: S3Thread, fault: str) -> None:
    lock = BucketLock(store(fault)._bucket, "lock", lease=30.0)
    server.faults.plan(fault, "PUT", "lock")
    lock.acquire()
    assert lock.is_ours
    lock.release()
    assert server.faults.struck
    assert store()._bucket.get("lock") is None


def test_a_store_that_stays_down_is_named_in_one_line(server: S3Thread) -> None:
    into = store(patience=0.2)
    with into.locked():
        server.faults.plan("503", "PUT", "staging/", times=100)
        with pytest.raises(Retryable, match="s3://lake/chunks: ") as failed:
            write(into, Chunk(0, 9), b"content")
    assert SECRET not in str(failed.value)
    assert "\n" not in str(failed.value)
    assert store().chunks() == []

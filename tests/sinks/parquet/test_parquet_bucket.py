"""Datasets in an object store, over HTTP: the promises of a folder, also on a bad day."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars
import pytest

from chaos.s3_server import FAULTS, SECRET, S3Thread, serving
from ekspiper.core import CheckpointError, Collector, ConfigError, Retryable
from ekspiper.core.bucket import Bucket, ProcessMark
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.parquet import Parquet, read_records
from ekspiper.sinks.parquet import _bucket_files as bucket_files

pytest.importorskip("obstore", reason="obstore is not installed")

URL = "s3://lake/history/records"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Thread]:
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(autouse=True)
def server(running: S3Thread, monkeypatch: pytest.MonkeyPatch) -> S3Thread:
    """An empty server, and the environment that leads to it."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket("s3://lake")
    bucket.remove(bucket.sizes("history"))
    running.faults.struck.clear()
    return running


def records(first: int, last: int) -> list[dict[str, Any]]:
    return [{"ledger_index": number, "n": number} for number in range(first, last)]


def read() -> list[int]:
    return [record["n"] for record in read_records(URL)]


def seen() -> list[int]:
    """What a reader sees that knows nothing of us."""
    options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
    files = Bucket(URL).sizes()
    if not files:
        return []
    frames = polars.scan_parquet(f"{URL}/**/*.parquet", storage_options=options).collect()
    return sorted(frames["n"].to_list())


async def opened(state: Any = None, **options: Any) -> Parquet:
    collector = Parquet(URL, **options)
    await collector.open()
    await collector.restore(state)
    return collector


class TestBucket(CollectorContract):
    blocks = True

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Parquet(URL)

    async def stored(self) -> Sequence[Any]:
        return list(read_records(URL))

    def bad_record(self) -> Any:
        return {"number": float("nan")}


async def test_readers_see_whole_files_and_a_restart_takes_back_what_came_later() -> None:
    collector = await opened(partition_ledgers=100)
    await collector.collect(records(90, 110))
    state = await collector.snapshot(109)
    assert seen() == [*range(90, 110)]
    await collector.collect(records(110, 130))
    await collector.snapshot(129)
    await collector.close()
    assert seen() == [*range(90, 130)]
    names = [name for name in Bucket("s3://lake").sizes("history") if "staging" in name]
    assert not names, "nothing is left aside"
    collector = await opened(state)
    assert seen() == [*range(90, 110)]
    await collector.close()
    assert read() == [*range(90, 110)]


async def test_small_files_become_one() -> None:
    collector = await opened(visible_seconds=0)
    for number in range(20):
        await collector.collect(records(number, number + 1))
        await collector.snapshot(number)
    await collector.close()
    assert seen() == read() == [*range(20)]
    assert len(Bucket(URL).sizes("ledgers-0000000000-0000099999")) < 20


async def test_the_second_writer_of_a_machine_is_refused() -> None:
    first = await opened()
    second = Parquet(URL)
    with pytest.raises(ConfigError, match=rf"in process {os.getpid()} on .*choose another"):
        await second.open()
    await second.close()
    await first.collect(records(0, 3))
    await first.snapshot(2)
    await first.close()
    await (await opened()).close()


async def test_of_two_machines_the_first_one_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await opened()
    await first.collect(records(0, 3))
    state = await first.snapshot(2)
    await first.collect(records(3, 6))  # it has more, and is held up
    monkeypatch.setattr(ProcessMark, "is_alive", property(lambda mark: False))
    second = await opened(state)
    await second.collect(records(3, 5))
    await second.snapshot(4)
    with pytest.raises(CheckpointError, match="another collector writes to it"):
        await first.snapshot(5)
    await second.collect(records(5, 7))
    await second.snapshot(6)
    await second.close()
    assert seen() == read() == [*range(7)]


def test_a_process_that_was_killed_holds_nobody_up() -> None:
    program = (
        "import asyncio, os, signal\n"
        "from ekspiper.sinks.parquet import Parquet\n"
        "async def main():\n"
        f"    sink = Parquet({URL!r})\n"
        "    await sink.open()\n"
        "    await sink.restore(None)\n"
        "    await sink.collect([{'n': 1}])\n"
        "    await sink.snapshot(1)\n"
        "    await sink.collect([{'n': 2}])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    again = Parquet(URL)
    asyncio.run(again.open())
    asyncio.run(again.close())
    assert read() == [1]


PLACES = [
    ("PUT", "staging/"),
    ("PUT", "manifest.json"),
    ("PUT", "/records/"),  # the copy to where readers look
    ("POST", "lake"),  # objects are removed many at a time
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("command", "place"), PLACES, ids=["aside", "commit", "copy", "sweep"])
async def test_whatever_goes_wrong_in_a_commit(
    server: S3Thread, monkeypatch: pytest.MonkeyPatch, fault: str, command: str, place: str
) -> None:
    """Once, and it is sent again; or so often that the runner has to send the batch again."""
    monkeypatch.setattr(bucket_files, "_PATIENCE", 0.2)
    if fault == "slow":
        monkeypatch.setattr(bucket_files, "_TIMEOUT", 0.5)
        server.faults.slow = 0.8
    collector = await opened(visible_seconds=0)
    await collector.collect(records(0, 5))
    state = await collector.snapshot(4)
    said: list[str] = []
    for number in (5, 6):
        await collector.collect(records(number, number + 1))
        server.faults.plan(fault, command, place, times=1 if number % 2 else 3)
        for _ in range(8):
            try:
                state = await collector.snapshot(number)
            except Retryable as error:
                said.append(str(error))
            else:
                break
        else:
            pytest.fail("it never came through")
    await collector.close()
    assert server.faults.struck
    assert SECRET not in " ".join(said)
    server.faults._planned.clear()
    assert seen() == read() == [*range(7)]
    await (await opened(state)).close()
    assert seen() == [*range(7)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_in_a_read(
    server: S3Thread, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    collector = await opened()
    await collector.collect(records(0, 5))
    await collector.snapshot(4)
    await collector.close()
    if fault == "slow":
        monkeypatch.setattr(bucket_files, "_TIMEOUT", 0.5)
        server.faults.slow = 0.8
    server.faults.plan(fault, "GET", "manifest.json")
    server.faults.plan(fault, "GET", "/records/")
    assert read() == [*range(5)]
    assert len(server.faults.struck) == 2


async def test_a_store_that_is_down_is_tried_again_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket_files, "_PATIENCE", 0.2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Retryable, match="s3://lake/history: ") as failed:
        await Parquet(URL).open()
    assert SECRET not in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://key:secret@lake/records", "credentials come from the environment"),
        ("s3://lake", "a prefix below a bucket"),
        ("ftp://lake/records", "s3://BUCKET/PREFIX"),
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as failed:
        Parquet(url)
    assert "secret" not in str(failed.value)


async def test_what_is_not_ours_is_refused() -> None:
    Bucket(URL).put("ledgers-1/other.parquet", b"x")
    with pytest.raises(ConfigError, match=r"holds ledgers-1/other\.parquet, which"):
        await opened()


def test_nothing_secret_is_in_a_bucket_or_a_mark() -> None:
    bucket = Bucket("s3://lake")
    assert bucket.get("nothing") is None
    assert SECRET.encode() not in pickle.dumps(bucket)
    assert "secret" not in repr(vars(bucket)).lower()


def test_marks_of_processes() -> None:
    own = ProcessMark.own()
    assert own.is_alive
    assert not own.is_dead
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = replace(own, pid=child.pid, began=ProcessMark.own().began)
    assert other.is_dead, "the number is that of a process that began at another time"
    child.communicate()
    elsewhere = replace(own, where="another machine")
    assert not elsewhere.is_alive
    assert not elsewhere.is_dead
    assert json.dumps(str(own))

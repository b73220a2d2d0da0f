"""What JSON lines promise beyond the contract: repair, refusal, rotation, full disks."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from ekspiper.core import (
    BatchError,
    CheckpointError,
    ConfigError,
    Flow,
    LineBlock,
    MissingExtra,
    Pipeline,
    Retryable,
    Step,
    processor,
)
from ekspiper.sinks.jsonl import JsonLines, _data_files, json_lines


def lines(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("records*"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_makes_missing_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "records.jsonl"
    async with JsonLines(path) as sink:
        await sink.collect([{"é": 1}])
    assert path.read_bytes() == '{"é":1}\n'.encode()
    assert names(path.parent) == ["records.jsonl"]


@pytest.mark.parametrize("cut", [1, 8, 9])
async def test_a_torn_line_is_repaired(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":22}\n'[:-cut])
    async with JsonLines(path) as sink:
        assert await sink.restore(None) is None
        await sink.collect([{"c": 3}])
    kept = [{"a": 1}, {"b": 22}] if cut == 1 else [{"a": 1}]
    assert lines(path) == [*kept, {"c": 3}]


async def test_a_torn_line_is_repaired_without_restore(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"a":1}\n{"b"')
    async with JsonLines(path) as sink:
        await sink.collect([{"c": 3}])
    assert lines(path) == [{"a": 1}, {"c": 3}]


@pytest.mark.parametrize(("content", "says"), [(b"{}\n", "has 3 bytes"), (None, "is gone")])
async def test_a_file_that_lost_lines_is_refused(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "records.jsonl"
    async with JsonLines(path, rotate_bytes=10_000) as sink:
        await sink.collect([{"a": 1}])
        state = await sink.snapshot(1)
    file = tmp_path / "records-00000001.jsonl"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    async with JsonLines(path, rotate_bytes=10_000) as sink:
        with pytest.raises(CheckpointError, match=says):
            await sink.restore(state)


async def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    async with JsonLines(tmp_path / "records.jsonl") as sink:
        state = await sink.snapshot(1)
    async with JsonLines(tmp_path / "records.jsonl", compression="gzip") as sink:
        with pytest.raises(CheckpointError, match="use the same options as before"):
            await sink.restore(state)


@pytest.mark.parametrize("fsync", ["checkpoint", "batch", "never"])
@pytest.mark.parametrize("options", [{}, {"rotate_bytes": 100}, {"compression": "gzip"}])
async def test_a_file_is_made_with_its_first_line_or_checkpoint(
    tmp_path: Path, options: dict[str, Any], fsync: Any
) -> None:
    path = tmp_path / "records.jsonl"
    for _ in range(2):
        async with JsonLines(path, fsync=fsync, **options) as sink:
            await sink.restore(None)
            with pytest.raises(BatchError):
                await sink.collect([{"x": b"no JSON"}])
            await sink.collect([])
    assert names(tmp_path) == []
    async with JsonLines(path, fsync=fsync, **options) as sink:
        await sink.restore(None)
        state = await sink.snapshot(None)
        assert names(tmp_path) == [".records.jsonl.lock", state["file"]]
    async with JsonLines(path, fsync=fsync, **options) as sink:
        await sink.restore(state)
        await sink.collect([{"n": 1}])
    async with JsonLines(path, fsync=fsync, **options) as sink:
        assert await sink.restore(state) is None
    assert (tmp_path / state["file"]).stat().st_size == state["length"]


@pytest.mark.parametrize("options", [{}, {"rotate_bytes": 100}])
async def test_an_empty_file_that_is_gone_is_no_loss(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    async with JsonLines(tmp_path / "records.jsonl", **options) as sink:
        state = await sink.snapshot(None)
    (tmp_path / state["file"]).unlink()
    async with JsonLines(tmp_path / "records.jsonl", **options) as sink:
        await sink.restore(state)
        await sink.collect([{"n": 1}])
    assert lines(tmp_path / state["file"]) == [{"n": 1}]


async def test_restore_removes_later_files(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    async with JsonLines(path, rotate_bytes=40) as sink:
        await sink.collect([{"n": n} for n in range(6)])
        state = await sink.snapshot(1)
        before = {file.name: file.read_bytes() for file in files(tmp_path)}
        await sink.collect([{"n": n} for n in range(6, 40)])
    async with JsonLines(path, rotate_bytes=40) as sink:
        await sink.restore(state)
    assert {file.name: file.read_bytes() for file in files(tmp_path)} == before


async def test_rotation_by_size_never_splits_a_line(tmp_path: Path) -> None:
    records = [{"n": n, "text": "x" * (n % 37)} for n in range(300)] + [{"long": "y" * 500}]
    async with JsonLines(tmp_path / "records.jsonl", rotate_bytes=200) as sink:
        for first in range(0, len(records), 7):
            await sink.collect(records[first : first + 7])
    found = files(tmp_path)
    assert len(found) > 40
    assert [record for file in found for record in lines(file)] == records
    assert all(file.stat().st_size <= 200 for file in found[:-1])
    assert lines(found[-1]) == records[-1:]


async def test_rotation_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 3600.0 * 1000
    monkeypatch.setattr(json_lines.time, "time", lambda: now)
    path = tmp_path / "records.jsonl"
    async with JsonLines(path, rotate_seconds=3600) as sink:
        await sink.collect([{"n": 1}])
        now += 3599
        await sink.collect([{"n": 2}])
        now += 1
        await sink.collect([{"n": 3}])
    os.utime(tmp_path / "records-00000002.jsonl", (now, now))
    now += 3600
    async with JsonLines(path, rotate_seconds=3600) as sink:
        await sink.collect([{"n": 4}])
    found = [lines(file) for file in files(tmp_path)]
    assert found == [[{"n": 1}, {"n": 2}], [{"n": 3}], [{"n": 4}]]


async def test_two_writers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    async with JsonLines(path):
        with pytest.raises(
            ConfigError, match=r"written by another collector, in process \d+; stop that one"
        ):
            await JsonLines(path).open()
    async with JsonLines(path):
        pass


async def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    program = (
        "import asyncio, os, signal, sys\n"
        "from ekspiper.sinks.jsonl import JsonLines\n"
        "async def main():\n"
        "    sink = JsonLines(sys.argv[1])\n"
        "    await sink.open()\n"
        "    await sink.collect([{'n': 1}])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)  # noqa: ASYNC221
    assert ended.returncode == -signal.SIGKILL
    async with JsonLines(path) as sink:
        await sink.collect([{"n": 2}])
    assert lines(path) == [{"n": 1}, {"n": 2}]


async def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigError, match=r"cannot write .*records.jsonl: .*/file: (File exists|Not a directory)"
    ):
        await JsonLines(tmp_path / "file" / "records.jsonl").open()
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        await JsonLines(tmp_path / "folder.jsonl").open()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nowhere" / "records.jsonl")
    with pytest.raises(ConfigError, match="No such file or directory"):
        await JsonLines(tmp_path / "link.jsonl").open()
    assert names(tmp_path) == ["file", "folder.jsonl", "link.jsonl"]


@pytest.mark.parametrize(
    "record",
    [
        {"x": float("inf")},
        {"x": [{"y": -float("nan")}]},
        {"x": b"bytes"},
        {"x": 1 << 70},
        {"x": "\ud800"},
        {1: 2},
        {"x": object()},
    ],
)
async def test_records_that_are_no_json(tmp_path: Path, record: Any) -> None:
    record["hash"] = "AB" if 1 not in record else None
    path = tmp_path / "records.jsonl"
    async with JsonLines(path) as sink:
        with pytest.raises(BatchError) as caught:
            await sink.collect([{"n": 1}, record, {"n": None}])
    assert lines(path) == [{"n": 1}, {"n": None}]
    assert "the record" in str(caught.value.failures[1])


async def test_a_record_that_is_too_deep(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    async with JsonLines(tmp_path / "records.jsonl") as sink:
        with pytest.raises(BatchError):
            await sink.collect([deep])


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (2**70, "1180591620717411303424"),
        ("a\ud800", "a\\ud800"),
        ({"\ud800": 1}, {"\\ud800": 1}),
        (nested(300), "nested deeper than 200 levels"),
        (nested(30_000), "nested deeper than 200 levels"),
    ],
    ids=["integer", "text", "key", "deep", "bottomless"],
)
async def test_a_letter_of_what_is_no_json_is_kept(tmp_path: Path, bad: Any, told: Any) -> None:
    records = JsonLines(tmp_path / "records.jsonl")
    letters = JsonLines(tmp_path / "letters.jsonl")
    step = Step(processor(lambda item: item), collectors=(records,))
    flow = Flow("f", source=[{"n": 1}, {"n": bad}, {"n": 2}], steps=(step,))
    await Pipeline(flow).run(dead_letters=letters)
    assert records.path.read_bytes() == b'{"n":1}\n{"n":2}\n'
    kept = orjson.loads(letters.path.read_bytes())["item"]["n"]
    assert kept == told or told in str(kept)


async def test_huge_strings(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    async with JsonLines(path) as sink:
        await sink.collect([{"text": "x" * 20_000_000}])
    assert path.stat().st_size == 20_000_012


def test_bad_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="rotate_bytes must be more than 0, not 0"):
        JsonLines(tmp_path / "a.jsonl", rotate_bytes=0)
    with pytest.raises(ConfigError, match="set compression"):
        JsonLines(tmp_path / "a.jsonl.gz")
    with pytest.raises(ConfigError, match="compression is gzip or zstd, not 'xz'"):
        JsonLines(tmp_path / "a.jsonl", compression="xz")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="fsync is checkpoint, batch or never, not 'always'"):
        JsonLines(tmp_path / "a.jsonl", fsync="always")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match=r"ekspiper-sinks\[zstd\]"):
        JsonLines(tmp_path / "a.jsonl", compression="zstd")


async def test_a_plain_file_is_not_taken_for_a_compressed_one(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(b'{"a":1}\n')
    async with JsonLines(path, compression="gzip") as sink:
        with pytest.raises(ConfigError, match=r"not a \.gz file"):
            await sink.restore(None)
    assert path.read_bytes() == b'{"a":1}\n'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("options", [{}, {"rotate_bytes": 50_000}, {"compression": "gzip"}])
async def test_a_full_disk(small_disk: Path, options: dict[str, Any]) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(100_000))
    batch = [{"n": n, "text": os.urandom(900).hex()} for n in range(40)]
    batches = 0
    async with JsonLines(small_disk / "records.jsonl", **options) as sink:
        with contextlib.suppress(Retryable):
            while True:
                await sink.collect(batch)
                batches += 1
        assert batches
        with pytest.raises(Retryable, match="No space left"):
            await sink.collect(batch)
        state = await sink.snapshot(1)
        filler.unlink()
        await sink.collect(batch)
    async with JsonLines(small_disk / "records.jsonl", **options) as sink:
        await sink.restore(state)
        await sink.collect(batch)
    found = files(small_disk)
    if "compression" in options:
        import gzip

        text = gzip.decompress(found[0].read_bytes())
    else:
        text = b"".join(file.read_bytes() for file in found)
    assert [orjson.loads(line) for line in text.splitlines()] == batch * (batches + 1)


async def test_a_file_over_the_limit_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with JsonLines(path) as sink:
        await sink.collect([{"n": 1}])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(Retryable, match="File too large"):
                await sink.collect([{"text": "x" * 1000}])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert lines(path) == [{"n": 1}]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
async def test_a_compressed_file_is_valid_at_every_snapshot(
    tmp_path: Path, compression: Literal["gzip", "zstd"]
) -> None:
    path = tmp_path / "records.jsonl"
    command = {"gzip": ["gzip", "-dc"], "zstd": [sys.executable, "-c", ZSTD]}[compression]
    async with JsonLines(path, compression=compression) as sink:
        for expected in (b"", b'{"n":1}\n', b'{"n":1}\n{"n":1}\n'):
            state = await sink.snapshot(1)
            file = tmp_path / state["file"]
            assert file.stat().st_size == state["length"] > 0
            text = subprocess.run([*command, str(file)], check=True, capture_output=True)  # noqa: ASYNC221
            assert text.stdout == expected
            await sink.collect([{"n": 1}])


ZSTD = """
import sys, zstandard
with open(sys.argv[1], "rb") as file:
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    sys.stdout.buffer.write(reader.read())
"""


@pytest.mark.parametrize(
    ("fsync", "after_batch", "after_snapshot"),
    [("checkpoint", 0, 2), ("batch", 2, 3), ("never", 0, 0)],
)
async def test_when_lines_are_made_durable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fsync: Literal["checkpoint", "batch", "never"],
    after_batch: int,
    after_snapshot: int,
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(_data_files.os, "fsync", synced.append)
    async with JsonLines(tmp_path / "records.jsonl", fsync=fsync) as sink:
        await sink.collect([{"n": 1}])
        assert len(synced) == after_batch
        await sink.snapshot(1)
        assert len(synced) == after_snapshot


async def test_a_disk_that_is_full_at_the_second_block_leaves_nothing_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.jsonl"
    blocks = [LineBlock(b'{"a":%d}\n' % number * 3, 3) for number in range(2)]
    batch: list[bytes | LineBlock] = [
        b'{"b":1}\n',
        blocks[0],
        b'{"b":2}\n',
        b'{"b":3}\n',
        blocks[1],
    ]
    write, room = os.write, 60

    def full(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[:room])
        room -= written
        return written

    async with JsonLines(path) as sink:
        await sink.collect([{"before": 1}])
        with monkeypatch.context() as patch:
            patch.setattr(_data_files.os, "write", full)
            with pytest.raises(Retryable):
                await sink.collect_encoded(batch)
        assert lines(path) == [{"before": 1}]
        await sink.collect_encoded(batch)
        state = await sink.snapshot(1)
    expected = [{"before": 1}, {"b": 1}, *[{"a": 0}] * 3, {"b": 2}, {"b": 3}, *[{"a": 1}] * 3]
    assert lines(path) == expected
    assert state["length"] == path.stat().st_size

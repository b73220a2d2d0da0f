"""The files of a dataset: folders, sizes, schemas, what a crash leaves, and other datasets."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ekspiper.core import CheckpointError, ConfigError, MissingExtra, Retryable
from ekspiper.sinks.parquet import Parquet, read_records
from ekspiper.sinks.parquet._manifest import Entry, Manifest


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"ledger_index": number, "n": number, "meta": {"nodes": [{"a": "b"}]}, **more}


def records(first: int, last: int, **more: Any) -> list[dict[str, Any]]:
    return [record(number, **more) for number in range(first, last)]


def files(path: Path) -> dict[str, int]:
    return {
        str(file.relative_to(path)): pq.read_metadata(file).num_rows
        for file in sorted(path.rglob("*.parquet"))
    }


def read(path: Path) -> list[int]:
    return [record["n"] for record in read_records(path)]


async def opened(path: Path, state: Any = None, **options: Any) -> Parquet:
    collector = Parquet(path, **options)
    await collector.open()
    await collector.restore(state)
    return collector


async def test_a_folder_for_each_range_of_ledgers(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", partition_ledgers=100)
    await collector.collect([*records(98, 102), record(350), {"n": 7}, {"ledger_index": "8"}])
    await collector.close()
    assert files(tmp_path / "d") == {
        "ledgers-0000000000-0000000099/part-00000001.parquet": 2,
        "ledgers-0000000100-0000000199/part-00000002.parquet": 2,
        "ledgers-0000000300-0000000399/part-00000003.parquet": 1,
        "part-00000004.parquet": 2,
    }


async def test_records_without_ledgers_are_in_the_folder_itself(tmp_path: Path) -> None:
    path = tmp_path / "d"
    collector = await opened(path, visible_seconds=0)
    states = []
    for number in range(4):
        await collector.collect([{"n": number, "amount": Decimal(number) / 4}])
        states.append(await collector.snapshot(number))
    await collector.close()
    assert set(files(path)) == {f"part-{number:08d}.parquet" for number in range(1, 5)}
    assert read(path) == [0, 1, 2, 3]
    assert duckdb.sql(f"select sum(amount) from '{path}/*.parquet'").fetchall() == [(1.5,)]
    assert polars.read_parquet(path)["amount"].sum() == Decimal("1.5")
    assert pandas.read_parquet(path)["amount"].sum() == Decimal("1.5")
    collector = await opened(path, states[1])
    await collector.close()
    assert read(path) == [0, 1]


async def test_nothing_but_the_dataset_is_in_its_folder(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", row_group_rows=2)
    for first in range(0, 20, 4):
        await collector.collect(records(first, first + 4))
        await collector.snapshot(first)
    assert {file.suffix for file in (tmp_path / "d").rglob("*") if file.is_file()} == {".parquet"}
    await collector.close()


async def test_row_groups_are_bounded(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", row_group_rows=100)
    for first in range(0, 1000, 30):
        await collector.collect(records(first, first + 30))
    await collector.close()
    for file in (tmp_path / "d").rglob("*.parquet"):
        found = pq.read_metadata(file)
        assert all(found.row_group(at).num_rows <= 100 for at in range(found.num_row_groups))
    assert len(files(tmp_path / "d")) <= 13


async def test_a_file_grows_aside_before_readers_see_it(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", row_group_rows=400, visible_seconds=3600)
    sizes = []
    for first in range(100):
        await collector.collect(records(first * 10, first * 10 + 10))
        await collector.snapshot(first)
        sizes.append(sum(files(tmp_path / "d").values()))
    assert sizes[0] == 10, "the first rows are shown at once"
    assert sizes == sorted(sizes)
    assert set(files(tmp_path / "d").values()) == {10, 100}
    await collector.close()
    assert sum(files(tmp_path / "d").values()) == 1000
    assert len(files(tmp_path / "d")) == 11
    assert read(tmp_path / "d") == list(range(1000))


async def test_small_files_are_merged(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", visible_seconds=0)
    most = 0
    for first in range(100):
        await collector.collect(records(first, first + 1))
        await collector.snapshot(first)
        assert sum(files(tmp_path / "d").values()) == first + 1, "all are shown at once"
        most = max(most, len(files(tmp_path / "d")))
    await collector.close()
    assert most <= 16
    assert read(tmp_path / "d") == list(range(100))


async def test_without_compaction_each_checkpoint_adds_a_file(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", compact=False)
    for first in range(40):
        await collector.collect(records(first, first + 1))
        await collector.snapshot(first)
    await collector.close()
    assert list(files(tmp_path / "d").values()) == [1] * 40


@pytest.mark.parametrize(
    "options", [{}, {"visible_seconds": 0}, {"row_group_rows": 20}, {"compact": False}]
)
async def test_it_goes_back_to_any_of_the_last_generations(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    collector = await opened(tmp_path / "d", **options)
    states = []
    for first in range(0, 100, 5):
        await collector.collect(records(first, first + 5, **{f"field{first // 100}": 1}))
        states.append(await collector.snapshot(first))
    await collector.collect(records(1000, 1010))
    await collector.close()
    for at in (18, 17, 9, 1):
        collector = await opened(tmp_path / "d", states[at], **options)
        await collector.close()
        assert read(tmp_path / "d") == list(range(5 * at + 5))
        assert sum(files(tmp_path / "d").values()) == 5 * at + 5
    with pytest.raises(CheckpointError, match=r"is at generation .* but the checkpoint says"):
        await opened(tmp_path / "d", states[19], **options)


async def test_a_checkpoint_older_than_it_can_go_back_to(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d")
    states = []
    for first in range(70):
        await collector.collect(records(first, first + 1))
        states.append(await collector.snapshot(first))
    await collector.close()
    file = tmp_path / ".d.ekspiper" / "manifest.json"
    manifest = Manifest.parse(file.read_text(), str(file))
    assert max(len(entry.segments) for entry in manifest.entries) <= 65
    with pytest.raises(CheckpointError, match="can go back to"):
        await opened(tmp_path / "d", states[0])


async def test_a_checkpoint_of_another_dataset(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d")
    await collector.collect(records(0, 1))
    state = await collector.snapshot(1)
    await collector.close()
    with pytest.raises(CheckpointError, match="belongs to another dataset than"):
        await opened(tmp_path / "other", state)


async def test_the_schema_grows_with_the_records_and_the_files_with_it(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", row_group_rows=10)
    await collector.collect(records(0, 25))
    await collector.snapshot(0)
    new = record(25, New={"value": "1"}, meta={"nodes": [{"a": "b", "c": 1}], "d": True})
    await collector.collect([new])
    await collector.snapshot(1)
    await collector.close()
    schemas = {pq.read_schema(file).to_string() for file in (tmp_path / "d").rglob("*.parquet")}
    assert len(schemas) == 1, "readers take the first file's schema for all"
    assert "New" in schemas.pop()
    assert list(read_records(tmp_path / "d")) == [*records(0, 25), new]


async def test_beyond_widen_rows_the_schema_stays(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", widen_rows=20)
    await collector.collect(records(0, 25))
    await collector.collect([record(25, New="x")])
    await collector.close()
    [file] = (tmp_path / "d").rglob("*.parquet")
    rest = pq.read_table(file)["_rest"].to_pylist()
    assert rest == [None] * 25 + ['{"/New":"x"}']
    assert list(read_records(tmp_path / "d"))[-1] == record(25, New="x")


SCHEMA = pa.schema({"ledger_index": pa.int64(), "n": pa.int64()})


async def test_a_given_schema_holds(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", schema=SCHEMA)
    await collector.collect(records(0, 3))
    await collector.close()
    [file] = (tmp_path / "d").rglob("*.parquet")
    assert pq.read_schema(file).names == ["ledger_index", "n", "_rest"]
    assert list(read_records(tmp_path / "d")) == records(0, 3)

    collector = await opened(tmp_path / "d")
    await collector.collect(records(3, 5))
    await collector.close()
    assert all(
        pq.read_schema(f).names == ["ledger_index", "n", "_rest"]
        for f in (tmp_path / "d").rglob("*.parquet")
    )

    grown = SCHEMA.append(
        pa.field("meta", pa.struct({"nodes": pa.list_(pa.struct({"a": pa.string()}))}))
    )
    collector = await opened(tmp_path / "d", schema=grown)
    await collector.collect(records(5, 6))
    await collector.close()
    for file in (tmp_path / "d").rglob("*.parquet"):
        assert pq.read_table(file)["_rest"].null_count == pq.read_metadata(file).num_rows
    assert list(read_records(tmp_path / "d")) == records(0, 6)


async def test_a_dataset_of_another_shape(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d", schema=SCHEMA)
    await collector.collect(records(0, 3))
    await collector.close()
    other = pa.schema({"ledger_index": pa.int64(), "n": pa.string()})
    with pytest.raises(
        ConfigError, match=r"has another shape .* column n is int64 there and string here"
    ):
        await opened(tmp_path / "d", schema=other)


async def test_a_folder_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "d" / "a.parquet")
    with pytest.raises(ConfigError, match=r"d holds a.parquet, which .* does not name"):
        await opened(tmp_path / "d")
    assert files(tmp_path / "d") == {"a.parquet": 1}


async def test_what_else_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file; a Parquet dataset is a folder"):
        await opened(tmp_path / "file")
    for option in ("partition_ledgers", "row_group_rows", "buffer_bytes", "depth"):
        with pytest.raises(ConfigError, match=f"{option} must be more than 0, not 0"):
            Parquet(tmp_path / "d", **{option: 0})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"schema is a pyarrow.Schema, not dict"):
        Parquet(tmp_path / "d", schema={})
    with pytest.raises(ConfigError, match=r"compression is one of zstd, .*, none, not 'brotli'"):
        Parquet(tmp_path / "d", compression="brotli")  # type: ignore[arg-type]
    first = await opened(tmp_path / "d")
    with pytest.raises(ConfigError, match="is being written by another collector"):
        await opened(tmp_path / "d")
    await first.close()
    with pytest.raises(ConfigError, match="is not a dataset of ekspiper"):
        list(read_records(tmp_path / "nothing"))


async def test_files_that_are_gone_or_damaged(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d")
    await collector.collect(records(0, 3))
    await collector.close()
    [file] = (tmp_path / "d").rglob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(
        ConfigError, match=rf"has {len(content) - 1} bytes, and .* says {len(content)}"
    ):
        await opened(tmp_path / "d")
    file.unlink()
    with pytest.raises(ConfigError, match=r"is gone, and .* says"):
        await opened(tmp_path / "d")
    file.write_bytes(content)
    manifest = tmp_path / ".d.ekspiper" / "manifest.json"
    text = manifest.read_text()
    for damaged, says in (
        (text[:100], "cannot read the manifest"),
        ("{}", "is not the manifest"),
        (text.replace('"version": 1', '"version": 2'), "has version 2, this ekspiper reads 1"),
        (text.replace('"entries"', '"entrees"'), "is damaged"),
    ):
        manifest.write_text(damaged)
        with pytest.raises(ConfigError, match=says):
            await opened(tmp_path / "d")
    manifest.write_text(text)
    await (await opened(tmp_path / "d")).close()


async def test_a_publication_that_fails_after_its_commit_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = await opened(tmp_path / "d")
    await collector.collect(records(0, 3))
    real = Path.replace

    def fails(self: Path, target: Any) -> Any:
        if self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(Retryable, match=r"cannot write the dataset .*: No space left on device"):
        await collector.snapshot(1)
    await collector.collect(records(3, 5))
    with pytest.raises(Retryable):
        await collector.snapshot(2)
    monkeypatch.undo()
    await collector.snapshot(2)
    await collector.close()
    assert read(tmp_path / "d") == [0, 1, 2, 3, 4]
    assert sum(files(tmp_path / "d").values()) == 5


def test_old_segments_become_one() -> None:
    entry = Entry("a", "p", 6, 1, ((1, 1), (2, 2), (5, 3)))
    assert entry.forget_before(2).segments == ((2, 3), (5, 3))
    assert entry.forget_before(1) is entry


KILLED = """
import asyncio, sys
from ekspiper.core import CommitPolicy, FileCheckpoint, Flow, IterableSource, PassThrough, Pipeline, Step
from ekspiper.sinks.parquet import Parquet

async def main(folder, last):
    items = [{"ledger_index": n, "n": n, f"field{n % 5}": "x" * (n % 7)} for n in range(last)]
    sink = Parquet(f"{folder}/d", row_group_rows=400, partition_ledgers=1500, visible_seconds=0.02)
    flow = Flow("f", source=IterableSource(items, identity="rows"), steps=(Step(PassThrough(), collectors=(sink,)),))
    await Pipeline(flow).run(
        checkpoint=FileCheckpoint(f"{folder}/checkpoint"), commit=CommitPolicy(items=100, seconds=0.01)
    )

print("started", flush=True)
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_killed_at_any_moment_every_row_is_there_once(tmp_path: Path) -> None:
    last, kills = 4000, 0
    program = [sys.executable, "-c", KILLED, str(tmp_path), str(last)]
    for delay in [0.6, 0.9, 1.2, 1.5]:
        with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
    assert subprocess.run(program, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert read(tmp_path / "d") == list(range(last))
    assert sum(files(tmp_path / "d").values()) == last
    assert kills > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount a tmpfs: {error}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "d"
    collector = await opened(path, row_group_rows=50)
    await collector.collect(records(0, 10))
    await collector.snapshot(1)
    fill = small_disk / "fill"
    with pytest.raises(OSError, match="No space left"):
        fill.write_bytes(b"x" * 4_000_000)
    await collector.collect(records(10, 60))
    for _ in range(2):
        with pytest.raises(Retryable, match=r"cannot write the dataset .*No space left on device"):
            await collector.collect(records(60, 110))
        with pytest.raises(Retryable, match="No space left on device"):
            await collector.snapshot(2)
    assert sum(files(path).values()) == 10, "nothing half written"
    fill.unlink()
    await collector.collect(records(60, 110))
    await collector.snapshot(2)
    await collector.close()
    assert read(path) == list(range(110))


async def test_cancelled_it_is_left_in_order(tmp_path: Path) -> None:
    collector = await opened(tmp_path / "d")
    task = asyncio.ensure_future(collector.collect(records(0, 1000)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await collector.collect(records(0, 10))
    await collector.close()
    assert read(tmp_path / "d") == list(range(10))


def test_without_the_library_it_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[parquet\]'"):
        Parquet(tmp_path / "d")
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[parquet\]'"):
        list(read_records(tmp_path / "d"))

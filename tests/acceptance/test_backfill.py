"""`ekspiper backfill` killed, run again, in every format; and a disk that is full."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import FIRST, LAST, Start, run
from .truth import Truth

RANGE = f"{FIRST}:{LAST}"


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_killed_at_any_moment_it_goes_on(
    tmp_path: Path, sample: Truth, serve: Callable[..., str], start: Start, format: str
) -> None:
    out = tmp_path / "out"
    arguments = ("backfill", RANGE, "--network", serve(), "--out", out, "--format", format)
    moments = random.Random(11)
    kills = 0
    for _ in range(2 if format == "jsonl" else 1):
        backfill = start(*arguments)
        began, wanted = _size(out), moments.randrange(0, 2_000_000)
        while backfill.process.poll() is None and _size(out) < began + max(1, wanted):
            time.sleep(0.002)  # another process sets no event here
        kills += backfill.end(signal.SIGKILL) == -signal.SIGKILL
    assert kills
    done = run(*arguments)
    assert "ledgers fetched, all verified, " in done.stderr
    rows = _rows(out, format)
    sample.check_rows(rows, FIRST, LAST, books=False)


def test_a_dry_run_says_what_would_be_fetched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("backfill", "428:437", "--out", out)
    done = run("backfill", RANGE, "--out", out, "--dry-run")
    assert f"120 ledgers wanted, 10 are in {out}; missing: 421-427,438-540." in done.stderr
    assert "Would send 110 requests and receive about " in done.stderr
    assert (out / "ledgers.jsonl").read_bytes().count(b"\n") == 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"NO FULL DISK IS TESTED: tmpfs cannot be mounted: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_waited_for(
    small_disk: Path, sample: Truth, serve: Callable[..., str], start: Start
) -> None:
    daemon = start(
        *("daemon", "--network", serve(), "--from", FIRST, "--until", LAST),
        *("--out", small_disk, "--http", "off"),
    )
    daemon.wait_said("is failing: .*No space left on device; trying again")
    assert all(line.endswith(b"}") for line in _lines(small_disk / "transactions.jsonl"))
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert daemon.wait() == 0
    sample.check(small_disk, FIRST, LAST)


@pytest.mark.parametrize(
    ("command", "file", "lines"),
    [
        (("payments", f"{FIRST}:458"), "payments.jsonl", 0),
        (("books",), "book_offers.jsonl", 20),
        (("record", f"{FIRST}:428"), "ledger_v2_binary.jsonl.gz", 0),
    ],
)
def test_every_command_says_that_it_waits_for_a_full_disk(
    small_disk: Path, start: Start, command: tuple[str, ...], file: str, lines: int
) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes((1 << 20) - (40 << 10)))
    running = start(*command, "--network", "sample", "--out", small_disk / "out")
    running.wait_said("is failing: .*No space left on device; trying again")
    filler.unlink()
    assert running.wait() == 0
    written = small_disk / "out" / file
    assert written.stat().st_size
    if lines:
        assert len(_lines(written)) == lines


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = tmp_path / "file"
        folder.write_text("in the way")
        reason = "File exists"
    else:
        folder = tmp_path / "folder"
        folder.mkdir(mode=0o500)
        reason = "Permission denied"
    done = run("daemon", "--out", folder, code=2)
    assert done.stderr.splitlines()[-1] == (
        f"ekspiper: cannot write to the folder {folder}: {reason}; choose another with --out DIR"
    )


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def _size(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def _rows(out: Path, format: str) -> dict[str, list[Any]]:
    names = ("transactions", "ledgers")
    if format == "jsonl":
        from .truth import read_jsonl

        return {name: list(read_jsonl(out / f"{name}.jsonl")) for name in names}
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = {}
    for name in names:
        table = dataset.dataset(out / name, format="parquet", partitioning="hive").to_table()
        rows[name] = table.to_pylist()
    rows["ledgers"].sort(key=lambda row: row["ledger_index"])
    rows["transactions"].sort(
        key=lambda row: (row["ledger_index"], row["meta"]["TransactionIndex"])
    )
    return rows

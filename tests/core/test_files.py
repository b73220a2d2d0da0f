"""Locks that end with their process, files that are replaced whole, threads that are waited for."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import FileLock, in_thread, replace_file

_HOLD = """
import sys, time
from pathlib import Path
from ekspiper.core import FileLock
assert FileLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    assert other.holder == f"process {os.getpid()}"
    one.release()
    one.release()
    assert list(tmp_path.iterdir()) == []
    assert other.acquire()
    assert not one.acquire()
    other.release()


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lock.path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not lock.acquire()
        assert lock.holder == f"process {process.pid}"
        process.send_signal(signal.SIGKILL)
    assert lock.path.exists()
    assert lock.acquire()
    lock.release()


def test_one_that_was_removed_between_the_two_calls_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two would hold it: one the file that is gone, one a new file of that name."""
    holder, taker = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert holder.acquire()
    opened = os.open

    def open_and_lose(*arguments: Any, **options: Any) -> int:
        descriptor = opened(*arguments, **options)
        holder.release()
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    assert taker.acquire()
    monkeypatch.undo()
    assert not holder.acquire()
    taker.release()


def test_a_full_disk_locks_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    monkeypatch.undo()
    assert not FileLock(tmp_path / "lock").acquire()
    assert lock.holder == "another process"
    lock.release()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "nowhere" / "lock").acquire()


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"three")
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["state"], "nothing is left beside it"


async def test_a_thread_is_waited_for_though_its_caller_is_cancelled() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def write() -> None:
        begun.set()
        assert go_on.wait(10)
        done.append("written")

    task = asyncio.create_task(in_thread(write))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["written"]


async def test_a_thread_gives_what_it_returns_and_what_it_raises() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)

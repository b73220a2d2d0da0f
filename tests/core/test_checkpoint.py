"""The file of a checkpoint: replaced whole or not at all, and refused when it is not ours."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    CheckpointError,
    CommitPolicy,
    ConfigError,
    FileCheckpoint,
    FlowState,
    Progress,
    Retryable,
)

PROGRESS = Progress(
    shape=("a/step/sink",), flows={"a": FlowState("net", 17, {"a/step/sink": {"length": 5}})}
)


async def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "deep" / "state.json")
    assert await checkpoint.load() is None
    await checkpoint.save(PROGRESS)
    assert await checkpoint.load() == PROGRESS
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged; delete it"),
        (b'{"format": "ekspiper check', "is damaged"),
        (b"\xff\xfe", "cannot read"),
        (b"[]", "is not a checkpoint of ekspiper"),
        (b'{"format": "other"}', "is not a checkpoint of ekspiper"),
        (b'{"format": "ekspiper checkpoint", "version": 99}', "has version 99, this ekspiper reads 1"),
        (b'{"format": "ekspiper checkpoint", "version": 1}', "is damaged"),
        (b'{"format": "ekspiper checkpoint", "version": 1, "shape": [], "flows": {"a": 1}}', "is damaged"),
        (b'{"format": "ekspiper checkpoint", "version": 1, "shape": [], "flows": {"a": {"x": 1}}}', "is damaged"),
    ],
)  # fmt: skip
async def test_a_damaged_or_foreign_file_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        await FileCheckpoint(path).load()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
async def test_a_failed_save_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    checkpoint = FileCheckpoint(tmp_path / "state.json")
    await checkpoint.save(PROGRESS)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if at == "fsync":
            patch.setattr(os, "fsync", full)
        elif at == "replace":
            patch.setattr(Path, "replace", full)
        else:
            patch.setattr(Path, "open", full)
        with pytest.raises(Retryable, match=r"cannot write the checkpoint .*No space left"):
            await checkpoint.save(Progress(shape=(), flows={}))
    assert await checkpoint.load() == PROGRESS


async def test_a_place_that_cannot_be_written_is_no_matter_of_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        await FileCheckpoint(tmp_path / "file" / "state.json").save(PROGRESS)


async def test_a_cancelled_save_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next save would write the same file at the same time."""
    checkpoint = FileCheckpoint(tmp_path / "state.json")
    order: list[str] = []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        order.append("writing")
        fsync(descriptor)
        order.append("written")

    monkeypatch.setattr(os, "fsync", slow)
    task = asyncio.create_task(checkpoint.save(PROGRESS))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["writing", "written"] * 2
    assert await checkpoint.load() == PROGRESS


def test_it_is_fsynced_before_and_after_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    replace = Path.replace

    def record_replace(self: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("fsync"))
    monkeypatch.setattr(Path, "replace", record_replace)
    asyncio.run(FileCheckpoint(tmp_path / "state.json").save(PROGRESS))
    assert calls == ["fsync", "replace", "fsync"]


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    asyncio.run(FileCheckpoint(path).save(PROGRESS))
    content = json.loads(path.read_text())
    assert content["flows"]["a"]["position"] == 17
    assert str(FileCheckpoint(path)) == f"the checkpoint {path}"
    assert repr(FileCheckpoint(path)) == f"FileCheckpoint('{path}')"


@pytest.mark.parametrize("options", [{"items": 0}, {"seconds": 0}])
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="a commit policy needs"):
        CommitPolicy(**options)

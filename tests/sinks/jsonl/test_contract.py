"""JSON lines under the contract suite: plain, rotated and compressed."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
import zstandard

from ekspiper.core import Collector
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.jsonl import JsonLines, _data_files


class _Files(CollectorContract):
    encoding = True
    blocks = True
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _patcher(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    async def make(self, tmp_path: Path) -> Collector[Any]:
        self.folder = tmp_path
        return JsonLines(tmp_path / "records.jsonl", **self.options)

    async def stored(self) -> Sequence[Any]:
        files = sorted(self.folder.glob("records*"))
        return [orjson.loads(line) for file in files for line in read(file).splitlines()]

    def bad_record(self) -> Any:
        return {"amount": float("nan")}

    async def break_sink(self) -> None:
        write, free = os.write, 100

        def full(descriptor: int, data: memoryview) -> int:
            """A disk with room for 100 bytes."""
            nonlocal free
            if not free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(descriptor, data[:free])
            free -= written
            return written

        self.monkeypatch.setattr(_data_files.os, "write", full)

    async def mend_sink(self) -> None:
        self.monkeypatch.undo()


def read(file: Path) -> bytes:
    """The text of a file of any compression."""
    import gzip

    data = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(data)
    if file.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(
            io.BytesIO(data), read_across_frames=True
        )
        return reader.read()
    return data


class TestPlain(_Files):
    pass


class TestSyncedPerBatch(_Files):
    options: ClassVar[dict[str, Any]] = {"fsync": "batch"}


class TestNeverSynced(_Files):
    options: ClassVar[dict[str, Any]] = {"fsync": "never"}


class TestRotatedBySize(_Files):
    options: ClassVar[dict[str, Any]] = {"rotate_bytes": 1000}


class TestGzip(_Files):
    options: ClassVar[dict[str, Any]] = {"compression": "gzip"}


class TestZstd(_Files):
    options: ClassVar[dict[str, Any]] = {"compression": "zstd"}


class TestGzipRotated(_Files):
    options: ClassVar[dict[str, Any]] = {"compression": "gzip", "rotate_bytes": 200}

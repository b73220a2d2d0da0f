"""Standard output: the contract, a slow reader, a reader that goes, a cancelled batch."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import orjson
import pytest

from ekspiper.core import Collector, Permanent
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks import stdout
from ekspiper.sinks.stdout import StandardOutput


def use(out: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file standard output: pytest would take the real one back at once."""
    monkeypatch.setattr(stdout, "sys", SimpleNamespace(stdout=out, __stdout__=out))


class TestCaptured(CollectorContract):
    recoverable = False
    blocks = True

    @pytest.fixture(autouse=True)
    def _capture(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return StandardOutput()

    async def stored(self) -> Sequence[Any]:
        return [orjson.loads(line) for line in self.capsys.readouterr().out.splitlines()]

    def bad_record(self) -> Any:
        return {"x": float("nan")}


class TestFile(CollectorContract):
    """Standard output is a regular file."""

    recoverable = False
    blocks = True

    @pytest.fixture(autouse=True)
    def _redirect(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.path = tmp_path / "out"
        with self.path.open("a") as out:
            use(out, monkeypatch)
            yield

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return StandardOutput()

    async def stored(self) -> Sequence[Any]:
        return [orjson.loads(line) for line in self.path.read_bytes().splitlines()]

    def bad_record(self) -> Any:
        return {"x": b""}


@pytest.fixture
async def pipe(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.StreamReader]:
    """Standard output is a pipe; the end to read from."""
    descriptor, writer = os.pipe()
    stream = asyncio.StreamReader(limit=1 << 20)
    with os.fdopen(writer, "w") as out, os.fdopen(descriptor, "rb") as end:
        use(out, monkeypatch)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), end
        )
        transport.pause_reading()
        stream.pipe = transport  # type: ignore[attr-defined]
        yield stream
        transport.close()


async def read_lines(pipe: asyncio.StreamReader, last: Any) -> list[Any]:
    """The lines up to the last one."""
    pipe.pipe.resume_reading()  # type: ignore[attr-defined]
    found = []
    while not found or found[-1] != last:
        found.append(orjson.loads(await pipe.readline()))
    return found


async def test_a_slow_reader_blocks_no_loop_and_a_cancelled_line_is_finished(
    pipe: asyncio.StreamReader,
) -> None:
    batch = [{"n": n, "text": "x" * 3000} for n in range(100)]
    async with StandardOutput() as sink:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await sink.collect(batch)
        _, found = await asyncio.gather(
            sink.collect([{"last": True}]), read_lines(pipe, {"last": True})
        )
    assert found[:-1] == batch[: len(found) - 1]
    assert 10 < len(found) < 100


async def test_a_large_batch_through_a_pipe(pipe: asyncio.StreamReader) -> None:
    batch = [{"n": n, "text": "x" * 3000} for n in range(200)]
    async with StandardOutput() as sink:
        _, found = await asyncio.gather(sink.collect(batch), read_lines(pipe, batch[-1]))
    assert found == batch


async def test_a_reader_that_has_gone(pipe: asyncio.StreamReader) -> None:
    pipe.pipe.close()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    async with StandardOutput() as sink:
        with pytest.raises(Permanent, match="closed by its reader"):
            await sink.collect([{"n": 1}])


def test_as_a_program_prints_it() -> None:
    program = (
        "import asyncio\n"
        "from ekspiper.sinks.stdout import StandardOutput\n"
        "print('first')\n"
        "asyncio.run(StandardOutput().collect([{'n': 1}]))\n"
    )
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    assert out == b'first\n{"n":1}\n'

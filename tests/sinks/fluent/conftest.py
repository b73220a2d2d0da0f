"""A forward server that we did not write, in its own process."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ...ports import free_port

HERE = Path(__file__).parent / "server"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with `@fluent-org/logger`, installed once and kept outside the project."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip(
            "node and npm are not installed: the forward server @fluent-org/logger is missing"
        )
    manifest = (HERE / "package.json").read_bytes()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ekspiper-tests"
    folder = home / f"forward-server-{hashlib.sha256(manifest).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / "@fluent-org" / "logger").is_dir():
            (folder / "package.json").write_bytes(manifest)
            done = subprocess.run(
                [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                check=False,
                timeout=100,
            )
            if done.returncode:
                pytest.skip(f"npm cannot install @fluent-org/logger: {done.stderr[-300:]!r}")
    return folder / "node_modules"


class ForwardServer:
    """A forward server with a file of everything it has acknowledged."""

    def __init__(self, modules: Path, file: Path, options: dict[str, Any]) -> None:
        self._modules = modules
        self._options = {"port": 0, **options, "file": str(file)}
        self._process: asyncio.subprocess.Process | None = None
        self.file = file
        self.port = free_port()

    async def start(self) -> None:
        """Start, on the port of last time."""
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(HERE / "forward_server.js"),
            json.dumps({**self._options, "port": self.port}),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(self._modules)},
        )
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())

    def change(self, **options: Any) -> None:
        """Give it other options, for the next start."""
        self._options.update(options)

    async def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(with_signal)
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]

    def pause(self) -> None:
        """Stop it as a hung machine stops: connections stay, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def restart(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End it and start it again."""
        await self.stop(with_signal)
        await self.start()

    def taken(self) -> list[dict[str, Any]]:
        """What it has stored: tag, time as seconds and nanoseconds, record."""
        lines = self.file.read_bytes().splitlines() if self.file.exists() else []
        return [orjson.loads(line) for line in lines]

    async def has_taken(self, count: int) -> None:
        """Wait until it has stored that many records."""
        while self._lines() < count:  # noqa: ASYNC110  # another process sets no event here
            await asyncio.sleep(0.002)

    def _lines(self) -> int:
        return self.file.read_bytes().count(b"\n") if self.file.exists() else 0

    def records(self) -> list[Any]:
        """The records it has stored."""
        return [entry["record"] for entry in self.taken()]


@pytest.fixture
async def forward_server(node_modules: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts servers; they end with the test."""
    started: list[ForwardServer] = []

    async def start(name: str = "stored", **options: Any) -> ForwardServer:
        server = ForwardServer(node_modules, tmp_path / name, options)
        started.append(server)
        await server.start()
        return server

    yield start
    for server in started:
        await server.stop(signal.SIGKILL)

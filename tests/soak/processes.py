"""The processes of a long run: nodes, a forward server, and the daemon that is watched."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["Child", "DaemonProcess", "NodeProcess"]


class Child:
    """A process whose standard input is its leash: it ends when that is closed."""

    def __init__(self, *command: object, log: Path) -> None:
        self._command = [str(each) for each in command]
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> dict[str, Any]:
        """Start it; the first line that it prints."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return await self._line()

    def tell(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())

    def send(self, which: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(which)

    async def finish(self) -> dict[str, Any]:
        """Let go of it; the last line that it prints. Nothing of one that was killed."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        if process.returncode is not None:
            return {}
        process.stdin.close()
        said = await self._line()
        await process.wait()
        return said

    async def end(self) -> None:
        """Kill it, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self.send(signal.SIGKILL)
            await self._process.wait()

    async def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended early, see {self._log}")
        said: dict[str, Any] = json.loads(line)
        return said


class NodeProcess(Child):
    """A replay node that can hang and die; it comes back under the same address.

    Args:
        options: as JSON carries them, for `tests.soak.looped`.
    """

    def __init__(self, recording: Path, *, log: Path, **options: Any) -> None:
        self._options = {"port": 0, **options}
        self._recording = recording
        self.url = ""
        super().__init__(log=log)

    async def start(self) -> dict[str, Any]:
        options = json.dumps(self._options)
        self._command = ["-m", "tests.soak.looped", str(self._recording), options]
        said = await super().start()
        self.url = said["url"]
        self._options["port"] = int(self.url.rpartition(":")[2])
        return said


class DaemonProcess:
    """`ekspiper daemon`, and what can be read from outside about its process."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self._folder = folder
        self._proc = Path(f"/proc/{process.pid}")
        self.url = ""

    async def listening(self) -> None:
        """Wait until its log says where."""
        while not (found := re.search(r"listening on (http://\S+):", self.said())):
            if self.process.returncode is not None:
                raise RuntimeError(f"the daemon ended early:\n{self.said()[-3000:]}")
            await asyncio.sleep(0.05)
        self.url = found[1]

    def said(self) -> str:
        return (self._folder / "daemon.log").read_text()

    async def sample(self, session: aiohttp.ClientSession) -> dict[str, float]:
        """Everything that is measured, now. What an operator looks at is fetched along the way."""
        for path in ("/", "/status", "/ready"):
            async with session.get(self.url + path) as answer:
                await answer.read()
        async with session.get(self.url + "/events") as events:
            await events.content.readline()
        async with session.get(self.url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        series = [line for line in lines if not line.startswith("#")]
        position = [line for line in series if line.startswith("ekspiper_checkpoint_position")]
        status = dict(
            line.split(":", 1) for line in (self._proc / "status").read_text().splitlines()
        )
        state = (self._folder / "state").rglob("*")
        return {
            "ledger": float(position[0].split()[-1]) if position else 0.0,
            "memory MB": int(status["VmRSS"].split()[0]) / 1000,
            "files": len(list((self._proc / "fd").iterdir())),
            "threads": int(status["Threads"]),
            "series": len(series),
            "state kB": sum(path.stat().st_size for path in state if path.is_file()) / 1000,
        }

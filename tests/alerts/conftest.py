"""A daemon, its nodes and a Prometheus with our rules, all real, with the time of the rules shortened.

Run by `hatch run dev:alerts`, and not with the other tests: it takes minutes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from ekspiper.xrpl.replay import Recording

from ..ports import free_port

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"

CLOSE_EVERY = 0.5
FASTER = 20
"""The rules wait for minutes; here a minute is 3 seconds."""

THRESHOLDS = {"> 120": "> 6", "> 60": "> 3", "> 30": "> 1.5"}

MAIN = """
import time
real = time.time
time.time = lambda: {first} + (real() - {began}) * {rate}
from ekspiper.xrpl.cli import main
main()
"""
"""The recording closed its ledgers long ago. To this daemon they close now."""


def faster(rules: str) -> str:
    """The rules with shorter times and thresholds."""
    short = re.sub(
        r"(\bfor: |\[)(\d+)m\b", lambda found: f"{found[1]}{int(found[2]) * 60 // FASTER}s", rules
    )
    for slow, quick in THRESHOLDS.items():
        short = re.sub(rf"{slow}(?!\d)", quick, short)
    return short


class World:
    """Everything that runs for one test."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.port = free_port()
        self._session = session
        self._prometheus = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        with Recording.sample() as recording:
            self.first, last = recording.first, recording.last
            headers = [recording.ledgers[index].header for index in (self.first, last)]
            closed = [header.close_time for header in headers]
        self.closed = closed[0]
        self._rate = (closed[1] - closed[0]) / (last - self.first) / CLOSE_EVERY
        self._began: float | None = None
        self._start_prometheus()

    def start(self, *command: object, log: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with the test."""
        with (self.folder / log).open("ab") as file:
            process = subprocess.Popen(
                [str(each) for each in command], cwd=self.folder, stdout=file, stderr=file
            )
        self._processes.append(process)
        return process

    async def node(self, *options: object) -> tuple[str, subprocess.Popen[bytes]]:
        """A node of the sample network, closing ledgers."""
        port = free_port()
        command = (sys.executable, "-m", "ekspiper.xrpl", "replay", "sample", "--port", port)
        process = self.start(
            *command, "--close-every", CLOSE_EVERY, *options, log=f"node-{port}.log"
        )
        async with asyncio.timeout(20):
            while not _listens(port):  # noqa: ASYNC110  # another process sets no event here
                await asyncio.sleep(0.02)
        return f"ws://127.0.0.1:{port}", process

    def daemon(
        self,
        *nodes: str,
        config: str = "",
        state: Path | None = None,
        options: tuple[str, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """The daemon; at each start with the same port and state."""
        file = self.folder / "ekspiper.toml"
        file.write_text('[collectors.metrics]\ntype = "metric"\n' + config)
        self._began = self._began or time.time()
        main = MAIN.format(first=self.closed + 946_684_800, began=self._began, rate=self._rate)
        return self.start(
            *(sys.executable, "-c", main, "daemon", "--network", ",".join(nodes)),
            *("--config", file, "--from", self.first),
            *("--http", f"127.0.0.1:{self.port}", "--state", state or self.folder / "state"),
            *options,
            log="daemon.log",
        )

    def _start_prometheus(self) -> None:
        (self.folder / "rules.yml").write_text(faster(RULES.read_text()))
        config = {
            "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {
                    "job_name": "ekspiper",
                    "static_configs": [{"targets": [f"127.0.0.1:{self.port}"]}],
                }
            ],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.start(
            *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
            f"--web.listen-address=127.0.0.1:{self._prometheus}",
            log="prometheus.log",
        )

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers; nothing while it starts."""
        url = f"http://127.0.0.1:{self._prometheus}/api/v1/query"
        try:
            async with self._session.get(url, params={"query": expression}) as reply:
                answer = await reply.json()
        except aiohttp.ClientError:
            return []
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def until(self, expression: str, *, within: float = 60.0) -> list[dict[str, Any]]:
        """Ask until there is an answer."""
        try:
            async with asyncio.timeout(within):
                # Another process sets no event here.
                while not (found := await self.query(expression)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log = (self.folder / "daemon.log").read_text()[-3000:]
            raise AssertionError(f"not in time: {expression}\n{log}") from None
        return found

    async def fires(self, alert: str, **labels: str) -> None:
        """Wait until an alert fires."""
        wanted = "".join(f', {name}="{value}"' for name, value in labels.items())
        await self.until(f'ALERTS{{alertstate="firing", alertname="{alert}"{wanted}}}')

    async def follows(self) -> None:
        """Wait until the daemon delivers ledgers."""
        await self.until("ekspiper_ready == 1 and on () changes(xrpl_ledger_index[2s]) > 0")

    async def fired(self) -> set[str]:
        """The alerts that have fired so far."""
        found = await self.query('max_over_time(ALERTS{alertstate="firing"}[10m])')
        return {each["metric"]["alertname"] for each in found}

    def end(self) -> None:
        """Kill all that still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Prometheus runs; nodes and the daemon are started by the test."""
    if not shutil.which("prometheus"):
        pytest.skip("the Debian package prometheus is not installed")
    async with aiohttp.ClientSession() as session:
        world = World(tmp_path, session)
        try:
            yield world
        finally:
            world.end()

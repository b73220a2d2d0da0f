"""A daemon in the test's own process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ekspiper.xrpl.config import load_settings
from ekspiper.xrpl.daemon import Daemon
from ekspiper.xrpl.replay import Recording, ReplayNode

from ...ports import free_port

FIRST, LAST = 421, 540


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return free_port()


Running = Callable[..., Any]


@pytest.fixture
def running(tmp_path: Path, port: int) -> Running:
    """Runs a daemon with HTTP on `port` for as long as the context lasts."""

    @asynccontextmanager
    async def run(config: str = "", **settings: Any) -> AsyncIterator[asyncio.Task[Any]]:
        file = tmp_path / "ekspiper.toml"
        file.write_text(config)
        loaded = load_settings(
            file, **{"http": {"port": port}, "out": tmp_path / "out", **settings}
        )
        daemon = Daemon(loaded)
        task = asyncio.create_task(daemon.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return run


class Http:
    """What the daemon answers."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and content; (0, None) while nobody listens."""
        try:
            async with self._session.get(self.url + path) as reply:
                text = await reply.text()
                is_json = reply.content_type == "application/json"
                return reply.status, await reply.json() if is_json else text
        except aiohttp.ClientConnectionError:
            return 0, None

    async def ask(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        """The whole reply to a request with these headers."""
        return await self._session.get(self.url + path, headers=headers)

    async def send(self, method: str, path: str) -> int:
        """The status of any request."""
        async with self._session.request(method, self.url + path) as reply:
            return reply.status

    async def until(self, path: str, status: int, containing: str = "") -> Any:
        """Ask until it answers so."""
        async with asyncio.timeout(20):
            while True:
                found, content = await self.get(path)
                if found == status and containing in str(content):
                    return content
                await asyncio.sleep(0.01)


@pytest.fixture
async def http(port: int) -> AsyncIterator[Http]:
    """Asks the daemon."""
    async with aiohttp.ClientSession() as session:
        yield Http(session, f"http://127.0.0.1:{port}")


@pytest.fixture
def node(sample: Recording) -> Callable[..., ReplayNode]:
    """Makes a node that serves the sample."""
    return lambda **options: ReplayNode(sample, **options)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = logging.getLogger("ekspiper").level
    yield
    logging.getLogger("ekspiper").setLevel(before)

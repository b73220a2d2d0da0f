"""Nodes and clients for the tests of the replay node."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from ekspiper.xrpl.replay import Recording, ReplayNode


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Every line of a recorded file."""
    with gzip.open(path) as file:
        return [orjson.loads(line) for line in file if line.strip()]


@asynccontextmanager
async def client(
    node: ReplayNode, *, max_queue: int | None = None
) -> AsyncIterator[ClientConnection]:
    """A WebSocket client that somebody else wrote; with `max_queue` it stops reading when full."""
    async with connect(node.url, max_size=None, max_queue=max_queue, close_timeout=0.2) as socket:
        yield socket


async def ask(socket: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return the next frame."""
    await socket.send(orjson.dumps(request).decode())
    answer: dict[str, Any] = orjson.loads(await socket.recv())
    return answer


async def post(node: ReplayNode, body: object) -> tuple[int, str]:
    """POST JSON; the status and the text that came back."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(node.http_url, data=orjson.dumps(body)) as reply,
    ):
        return reply.status, await reply.text()


@pytest.fixture(scope="session")
def recorded(shared_data: Path) -> Path:
    """The folder of the full recording."""
    return shared_data / "recording"


@pytest.fixture(scope="session")
def recording(recorded: Path) -> Iterator[Recording]:
    """The full recording, loaded once."""
    with Recording.load(recorded) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def binary_only(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """A recording that holds nothing but binary ledgers of api_version 2."""
    folder = tmp_path_factory.mktemp("binary")
    name = "ledger_v2_binary.jsonl.gz"
    (folder / name).write_bytes((recorded / name).read_bytes())
    with Recording.load(folder) as loaded:
        yield loaded

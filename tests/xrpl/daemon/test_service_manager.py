"""What systemd is told: by a socket, as it gives its services one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ekspiper.xrpl.daemon._service_manager import ServiceManager
from ekspiper.xrpl.replay import ReplayNode

from .conftest import FIRST, Running


@pytest.fixture(params=["path", "abstract"])
def notifications(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    name = str(tmp_path / "notify")[-90:] if request.param == "abstract" else "notify"
    address = f"@{name}" if request.param == "abstract" else str(tmp_path / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield listening


async def told(listening: socket.socket, wanted: str) -> list[str]:
    """All that it was told until `wanted`."""
    found: list[str] = []
    async with asyncio.timeout(20):
        while wanted not in found:
            data = await asyncio.get_running_loop().sock_recv(listening, 4096)
            found += data.decode().splitlines()
    return found


async def test_it_is_told_of_the_start_and_that_the_daemon_lives(
    notifications: socket.socket, running: Running, node: Callable[..., ReplayNode]
) -> None:
    async with node() as served, running(network=served.url, **{"from": FIRST}):
        found = await told(notifications, "STATUS=ready")
    assert found[0] == "READY=1"
    assert "WATCHDOG=1" in found


async def test_it_lives_although_no_node_answers(
    notifications: socket.socket, running: Running
) -> None:
    """Otherwise systemd would restart it again and again while the network is away."""
    async with running(network="ws://127.0.0.1:1"):
        found = await told(notifications, "WATCHDOG=1")
        assert found[0] == "READY=1"
        found = await told(notifications, "WATCHDOG=1")
    assert any(each.startswith("STATUS=no node is connected yet") for each in found)


def test_nobody_has_to_listen(tmp_path: Path) -> None:
    ServiceManager({}).started()
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive("ready")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()

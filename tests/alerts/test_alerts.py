"""Each alert fires when its fault is there, and none in a clean run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..sinks.fluent.conftest import forward_server as forward_server
from ..sinks.fluent.conftest import node_modules as node_modules
from ..xrpl.trust.small_network import SmallNetwork
from .conftest import RULES, World, faster

FLUENT = '[collectors.fluent]\ntype = "fluent"\ntag = "{records}"\nport = %d\nack_timeout = 60\n'
TESTED = {
    "EkspiperDown",
    "EkspiperRestarts",
    "EkspiperFeedLate",
    "EkspiperFeedStalled",
    "EkspiperNetworkStands",
    "EkspiperSinkFailing",
    "EkspiperSinkHung",
    "EkspiperNoNode",
    "EkspiperNodeLost",
    "EkspiperNodeLies",
    "EkspiperLedgerNotServed",
    "EkspiperNotSigned",
    "EkspiperValidatorListExpires",
    "EkspiperDeadLetters",
    "EkspiperStateDiskFilling",
}
"""What the tests below make fire."""


def test_no_alert_is_left_out() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert {rule["alert"] for rule in group["rules"]} == TESTED


def test_the_rules_are_the_same_but_for_their_times() -> None:
    assert "for: 15s" in faster("for: 5m")
    assert faster("x[3m] > 120") == "x[9s] > 6"


async def test_a_clean_run_is_quiet(world: World, forward_server: Callable[..., Any]) -> None:
    server = await forward_server()
    nodes = [(await world.node())[0] for _ in range(2)]
    world.daemon(*nodes, config=FLUENT % server.port)
    await world.follows()
    await asyncio.sleep(25)  # that nothing happens shows only in time
    assert await world.fired() == set()
    assert await world.query("ekspiper_ready == 1")


async def test_a_dead_sink(world: World, forward_server: Callable[..., Any]) -> None:
    server = await forward_server()
    world.daemon((await world.node())[0], config=FLUENT % server.port)
    await world.follows()
    await server.stop(signal.SIGKILL)
    await world.fires("EkspiperSinkFailing", collector="fluent")
    await world.fires("EkspiperFeedLate")
    await world.fires("EkspiperFeedStalled")
    assert "EkspiperSinkHung" not in await world.fired()


async def test_a_hung_sink(world: World, forward_server: Callable[..., Any]) -> None:
    server = await forward_server()
    world.daemon((await world.node())[0], config=FLUENT % server.port)
    await world.follows()
    server.pause()
    await world.fires("EkspiperSinkHung", collector="fluent")
    assert "EkspiperSinkFailing" not in await world.fired()
    server.resume()
    await world.until("ekspiper_ready == 1")


async def test_a_dead_node_and_then_the_last_one(world: World) -> None:
    (one, first), (two, second) = await world.node(), await world.node()
    world.daemon(one, two)
    await world.follows()
    first.kill()
    await world.fires("EkspiperNodeLost", node=one)
    assert "EkspiperNoNode" not in await world.fired()
    assert await world.query("ekspiper_ready == 1")
    second.kill()
    await world.fires("EkspiperNoNode")


async def test_a_network_that_stands_still(world: World) -> None:
    url, _ = await world.node("--close-every", 0.02)
    world.daemon(url)
    await world.until("xrpl_ledger_index")
    await world.fires("EkspiperNetworkStands")


async def test_a_ledger_that_no_node_serves_and_its_dead_letter(world: World) -> None:
    url, _ = await world.node("--faults", f"missing@{world.first + 20}")
    daemon = world.daemon(url)
    await world.fires("EkspiperLedgerNotServed")
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    world.daemon(url, config="[node]\nledger_timeout = 1\n")
    await world.fires("EkspiperDeadLetters")


async def test_validators_that_nobody_hears_and_their_list_at_its_end(world: World) -> None:
    """A list that has nothing to do with this network: no ledger of it ever has a quorum."""
    validators = SmallNetwork()
    file = world.folder / "vl.json"
    tomorrow = world.closed + 86_400
    file.write_text(json.dumps(validators.document(expiration=tomorrow)))
    trust = f"{validators.publisher.public.hex()}={file}"
    world.daemon((await world.node())[0], options=("--trust", trust))
    await world.fires("EkspiperNotSigned")
    await world.fires("EkspiperValidatorListExpires")
    assert not await world.query("ekspiper_ready == 1")


async def test_a_node_that_lies(world: World) -> None:
    honest, _ = await world.node()
    url, _ = await world.node("--faults", "forgedMeta*0")
    world.daemon(honest, url)
    await world.fires("EkspiperNodeLies", node=url)


async def test_a_daemon_that_restarts_and_then_is_gone(world: World) -> None:
    url, _ = await world.node()
    for _ in range(4):
        daemon = world.daemon(url)
        await world.until("up == 1 and on () timestamp(ekspiper_ready) > time() - 1")
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        await world.until("up == 0")
    await world.fires("EkspiperDown")
    assert "EkspiperRestarts" in await world.fired()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    ):
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.call(["umount", "--lazy", str(folder)])


async def test_a_disk_that_fills(world: World, small_disk: Path) -> None:
    url, _ = await world.node()
    world.daemon(url, state=small_disk / "state")
    await world.follows()
    assert "EkspiperStateDiskFilling" not in await world.fired()
    (small_disk / "filler").write_bytes(bytes(3_800_000))
    await world.fires("EkspiperStateDiskFilling")

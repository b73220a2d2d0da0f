"""What keeps a daemon from starting, and what it does about it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ekspiper.core import CheckpointError, ConfigError, EkspiperError
from ekspiper.xrpl.client import NodeUnreachable, WrongNetwork
from ekspiper.xrpl.replay import ReplayNode

from .conftest import Running

Node = Callable[..., ReplayNode]
SOME = {"from": 538, "until": 540}


def checkpoint(out: Path) -> Path:
    (file,) = (out / ".checkpoint").glob("*.json")
    return file


async def test_no_node_answers_in_time(running: Running) -> None:
    async with running(network="ws://127.0.0.1:1", node={"connect_timeout": 0.2}) as task:
        with pytest.raises(NodeUnreachable, match=r"within 0.2 s: ws://127.0.0.1:1: Connection"):
            await task


async def test_a_node_of_another_network(running: Running, node: Node) -> None:
    async with (
        node(network_id=21337) as served,
        running("[node]\nnetwork_id = 0", network=served.url) as task,
    ):
        with pytest.raises(WrongNetwork, match="belongs to network 21337, not to network 0"):
            await task


async def test_a_ledger_before_the_history_of_every_node(running: Running, node: Node) -> None:
    async with node() as served, running(network=served.url, **{"from": 5}) as task:
        with pytest.raises(EkspiperError, match="ledger 5 is before the history"):
            await task


@pytest.mark.parametrize("damage", ["", "{", '{"format": "something else"}', "[]"])
async def test_a_damaged_checkpoint(running: Running, tmp_path: Path, damage: str) -> None:
    async with running(network="sample", **SOME) as task:
        await task
    file = checkpoint(tmp_path / "out")
    file.write_text(damage)
    before = (tmp_path / "out" / "transactions.jsonl").read_bytes()
    async with running(network="sample", **SOME) as task:
        with pytest.raises(CheckpointError, match=str(file)):
            await task
    assert (tmp_path / "out" / "transactions.jsonl").read_bytes() == before


async def test_the_checkpoint_of_another_network(
    running: Running, node: Node, tmp_path: Path
) -> None:
    async with running(network="sample", **SOME) as task:
        await task
    async with node(network_id=21337) as served, running(network=served.url, **SOME) as task:
        with pytest.raises(CheckpointError, match="xrpl network 21337"):
            await task


async def test_a_collector_that_was_added_starts_at_the_checkpoint_of_the_others(
    running: Running, tmp_path: Path
) -> None:
    """Or is refused: it must not be silently without what was before."""
    async with running(network="sample", **{"from": 528, "until": 533}) as task:
        await task
    more = f'[collectors.more]\ntype = "jsonl"\npath = "{tmp_path}/more-{{records}}.jsonl"\n'
    async with running(more, network="sample", **{"from": 528, "until": 540}) as task:
        with pytest.raises(CheckpointError, match=r"only the pipeline has .*more"):
            await task


async def test_two_daemons_in_one_folder(running: Running, node: Node, tmp_path: Path) -> None:
    async with (
        node(close_every=0.5) as served,
        running(network=served.url, **{"from": 421}) as first,
    ):
        while not (tmp_path / "out" / ".transactions.jsonl.lock").exists():  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(0.01)
        in_use = rf"the folder {tmp_path}/out is in use by process {os.getpid()}; stop that first"
        async with running(network=served.url, http={"enabled": False}) as second:
            with pytest.raises(ConfigError, match=in_use):
                await second
        assert not first.done()


async def test_what_a_checkpoint_holds_has_no_secret(
    running: Running, tmp_path: Path, node: Node
) -> None:
    async with node() as served:
        url = served.url.replace("ws://", "ws://user:hunter2@") + "/?key=hunter2"
        async with running(network=url, **SOME) as task:
            await task
    text = checkpoint(tmp_path / "out").read_text()
    assert json.loads(text)
    assert "hunter2" not in text

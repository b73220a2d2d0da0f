"""What can be done without is asked for once, of each node, and nothing waits for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from ekspiper.xrpl.client import NodePool, NodeUnreachable, RequestError, network_definitions
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.replay import Recording, ReplayNode

CANNOT = {
    "failedToForward": {"status": "error", "error": "failedToForward"},
    "noNetwork": {"status": "success", "result": {"error": "noNetwork", "status": "error"}},
    "notReady": {"status": "error", "error": "notReady"},
    "forbidden": {"status": "error", "error": "forbidden"},
    "lgrNotFound": {"status": "error", "error": "lgrNotFound"},
    "no result": {"status": "success"},
}
REQUEST = {"command": "server_definitions"}


def refusing(answer: dict[str, Any]) -> Any:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != "server_definitions":
            return False
        await self.send(connection, {"id": request["id"], "type": "response", **answer})
        return True

    return fault


@pytest.mark.parametrize("answer", CANNOT.values(), ids=CANNOT)
async def test_the_only_node_is_asked_once(answer: dict[str, Any], node: Any) -> None:
    only = await node(fault=refusing(answer), clio=True)
    async with NodePool(only.url) as pool:
        with pytest.raises(RequestError, match="server_definitions refused by"):
            await pool.ask_once(REQUEST)
    assert len(only.asked("server_definitions")) == 1


@pytest.mark.parametrize("answer", CANNOT.values(), ids=CANNOT)
async def test_another_node_is_asked_that_can(answer: dict[str, Any], node: Any) -> None:
    clio = await node(fault=refusing(answer), clio=True)

    async def answers(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_definitions":
            response.update(status="success", result={"FIELDS": []})
            del response["error"], response["error_message"]
        return False

    rippled = await node(fault=answers)
    async with NodePool([clio.url, rippled.url]) as pool:
        for _ in range(5):  # whichever is asked first
            assert (await pool.ask_once(REQUEST)).node == rippled.url


async def test_a_node_that_does_not_answer_is_not_waited_for(node: Any) -> None:
    async def silent(self: Any, connection: Any, request: Any, response: Any) -> bool:
        return bool(request["command"] == "server_definitions")

    only = await node(fault=silent)
    async with NodePool(only.url) as pool:
        with pytest.raises(NodeUnreachable, match=r"no node answered .* within 0\.2 s"):
            await pool.ask_once(REQUEST, within=0.2)
        assert await pool.request({"command": "ping"}) == {}


async def test_a_node_that_is_not_connected_yet_may_know(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clio = await node(fault=refusing(CANNOT["failedToForward"]), clio=True)
    held = asyncio.Event()

    async def late(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "server_info":
            await held.wait()
        if request["command"] == "server_definitions":
            response.update(status="success", result={"FIELDS": []})
            del response["error"], response["error_message"]
        return False

    rippled = await node(fault=late)
    async with NodePool([clio.url, rippled.url]) as pool:
        asking = asyncio.create_task(pool.ask_once(REQUEST))
        await clio.until_asked("server_definitions")
        held.set()
        assert (await asking).node == rippled.url


@pytest.mark.parametrize("fault", ["failedToForward", "noNetwork", "noAnswer@#2"])
async def test_the_bundled_definitions_have_to_do(fault: str, said: Any) -> None:
    with Recording.sample() as sample:
        async with (
            ReplayNode(sample, faults=fault, network_id=0) as node,
            NodePool(node.url, network_id=0) as pool,
        ):
            ask = pool.ask_once
            pool.ask_once = lambda request: ask(request, within=0.5)  # type: ignore[method-assign, assignment]
            assert await network_definitions(pool) is Definitions.bundled()
    (line,) = said()
    assert line.startswith("no node gives its definitions, so the bundled ones are used: ")


async def test_clio_that_does_not_know_its_network(said: Any) -> None:
    with Recording.sample() as sample:
        node = ReplayNode(sample, faults="failedToForward", network_id=1)
        async with node, NodePool(node.url, network_id=1) as pool:
            assert [(n.state, n.kind) for n in pool.nodes()] == [("ready", "clio")]
            assert said() == []
            assert pool.network_id == 1
        async with node, NodePool(node.url) as pool:
            assert pool.network_id == 0
    (line,) = said(logging.WARNING)
    assert line.endswith("taken for 0, the main network; give network_id if it is another")


async def test_a_guess_gives_way_to_what_another_node_says() -> None:
    with Recording.sample() as sample:
        async with (
            ReplayNode(sample, faults="failedToForward") as clio,
            ReplayNode(sample, network_id=7) as rippled,
            NodePool([clio.url, rippled.url]) as pool,
        ):
            async with asyncio.timeout(10):
                while {n.state for n in pool.nodes()} != {"ready"}:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # no event tells of it
            assert pool.network_id == 7

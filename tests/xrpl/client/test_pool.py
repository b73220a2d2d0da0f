from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from websockets.asyncio.server import serve
from websockets.http11 import Response
from xrpl.models.requests import Ping

from ekspiper.core import ConfigError, Retryable
from ekspiper.xrpl.client import (
    ConnectionLost,
    LedgerUnavailable,
    NodePool,
    NodeUnreachable,
    RequestError,
    RequestTimeout,
    WrongNetwork,
)
from ekspiper.xrpl.client.window import is_public

from .virtual import virtual

FAST: dict[str, Any] = {"request_timeout": 0.6, "liveness": 0.9, "hedge_after": 0.3}


async def test_request_gives_the_result(node: Any, ledgers: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        index = min(ledgers)
        assert await pool.request({"command": "ledger", "ledger_index": index}) == ledgers[index]
        assert only.requests[-1]["api_version"] == 2


async def test_models_of_xrpl_py_are_requests(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        assert await pool.request(Ping()) == {}
    assert only.requests[-1]["command"] == "ping"
    assert "method" not in only.requests[-1]


async def test_refusal_names_code_command_and_node(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        with pytest.raises(RequestError, match=r"nosuch refused by ws://.*unknownCmd") as failure:
            await pool.request({"command": "nosuch"})
        assert failure.value.error == "unknownCmd"
        assert failure.value.request["command"] == "nosuch"
        raw = await pool.request_raw({"command": "nosuch"})
        assert (raw["status"], raw["error"]) == ("error", "unknownCmd")


async def test_many_requests_share_one_connection(node: Any) -> None:
    only = await node()
    async with NodePool(only.url) as pool:
        await asyncio.gather(*(pool.request({"command": "ping"}) for _ in range(2000)))
        status = pool.nodes()[0]
    assert only.connections == 1
    assert status.answers == 2000
    assert status.in_flight == 0
    assert status.window == 128


async def test_requests_go_where_the_ledger_is(node: Any, ledgers: Any) -> None:
    first, last = min(ledgers), max(ledgers)
    old = await node(holds=f"{first}-{first + 9},{first + 20}-{first + 29}")
    new = await node(holds=f"{first + 10}-{first + 19},{first + 30}-{last}")
    async with NodePool([old.url, new.url]) as pool:
        await asyncio.gather(
            *(pool.request({"command": "ledger", "ledger_index": i}) for i in ledgers)
        )
    for one in (old, new):
        held = {r["ledger_index"] - first for r in one.asked("ledger")}
        assert held == {i for i in range(40) if (i // 10) % 2 == (one is new)}


async def test_status_tells_rippled_from_clio(node: Any) -> None:
    rippled, clio = await node(), await node(clio=True)
    async with NodePool([rippled.url, clio.url]) as pool:
        await asyncio.gather(rippled.until_asked("server_info"), clio.until_asked("server_info"))
        await pool.request({"command": "ping"})
        await pool.refresh()
        one, two = pool.nodes()
    assert (one.kind, two.kind) == ("rippled", "clio")
    assert (one.version, one.network, one.state, one.load) == ("2.3.0", 0, "ready", 1.0)
    assert str(one.ledgers) == rippled.complete_ledgers


async def test_node_of_another_network_is_refused(node: Any, said: Any) -> None:
    right, wrong = await node(network_id=1), await node(network_id=7)
    async with NodePool([wrong.url, right.url], network_id=1) as pool:
        await asyncio.gather(*(pool.request({"command": "ping"}) for _ in range(20)))
        assert [n.state for n in pool.nodes()] == ["refused", "ready"]
    assert not wrong.asked("ping")
    assert [text for text in said() if "network" in text] == [
        f"{wrong.url} belongs to network 7, not to network 1: give nodes of one network"
    ]


async def test_only_nodes_of_another_network(node: Any) -> None:
    wrong = await node(network_id=7)
    with pytest.raises(WrongNetwork, match="belongs to network 7, not to network 0"):
        await NodePool(wrong.url, network_id=0).open()


async def test_unreachable_at_the_start_is_retried_with_a_reason_until_the_time_out(
    said: Any, free_port: int
) -> None:
    url = f"ws://user:hidden@127.0.0.1:{free_port}"
    with pytest.raises(NodeUnreachable) as failure:
        await NodePool(url, connect_timeout=0.7).open()
    assert f"no node answered within 0.7 s: ws://***@127.0.0.1:{free_port}" in str(failure.value)
    assert len(said()) == 1
    assert "trying again" in said()[0]
    assert "hidden" not in str(failure.value) + said()[0]


@virtual
async def test_node_that_comes_up_later_is_found(memory: Any, said: Any) -> None:
    late = memory.node()
    await late.stop()
    pool = memory.pool(late, connect_timeout=60)
    opening = asyncio.ensure_future(pool.open())
    await asyncio.sleep(9)
    assert not opening.done()
    await late.start()
    await opening
    await pool.close()
    assert len(said()) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_refused_for_load_waits_as_long_as_the_server_says(status: int) -> None:
    refused: list[float] = []

    def refuse(connection: Any, request: Any) -> Response | None:
        refused.append(time.monotonic())
        from websockets.datastructures import Headers

        headers = Headers({"Retry-After": "0.5"})
        return Response(status, "Later", headers) if len(refused) < 2 else None

    async def talk(connection: Any) -> None:
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NodeUnreachable):
            await NodePool(f"ws://127.0.0.1:{port}", connect_timeout=0.9).open()
    assert len(refused) == 2
    assert refused[1] - refused[0] >= 0.5


async def test_submit_is_never_sent_twice(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "submit":
            connection.transport.abort()
            return True
        return False

    only = await node(fault=fault)
    async with NodePool(only.url, **FAST) as pool:
        with pytest.raises(ConnectionLost, match="was lost with submit open"):
            await pool.request({"command": "submit", "tx_blob": "00"})
        await pool.request({"command": "ping"})
    assert len(only.asked("submit")) == 1


async def test_slow_request_is_asked_of_another_node_and_the_first_answer_wins(
    node: Any, said: Any
) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        return bool(request["command"] == "ping")

    stuck, good = await node(fault=fault), await node(clio=True)
    async with NodePool([stuck.url, good.url], hedge_after=0.2, liveness=30) as pool:
        await good.until_asked("server_info")
        while not stuck.asked("ping"):
            await asyncio.gather(*(pool.request({"command": "ping"}) for _ in range(20)))
    assert stuck.asked("ping")
    assert len([text for text in said() if "has not answered ping" in text]) == 1


async def test_request_that_no_connection_survives_is_given_up(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        return bool(request["command"] == "ping")

    only = await node(fault=fault)
    async with NodePool(only.url, request_timeout=0.1, liveness=30) as pool:
        with pytest.raises(RequestTimeout, match="ping: not answered 3 times"):
            await pool.request({"command": "ping"})
    assert issubclass(RequestTimeout, Retryable)


@virtual
async def test_load_that_the_node_refuses_is_halved_and_nothing_is_lost(
    memory: Any, said: Any
) -> None:
    """The node takes ten requests a second more than it likes to."""
    open_now = 0
    refused = 0

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        nonlocal open_now, refused
        if request["command"] != "ping":
            return False
        if open_now >= 8:
            refused += 1
            await self.send(
                connection,
                {"id": request["id"], "type": "response", "status": "error", "error": "slowDown"},
            )
            return True
        open_now += 1
        await asyncio.sleep(0.005)
        open_now -= 1
        return False

    only = memory.node(fault=fault)
    async with memory.pool(only) as pool:
        await asyncio.gather(*(pool.request({"command": "ping"}) for _ in range(300)))
        assert pool.nodes()[0].window <= 16
    assert 0 < refused < 100
    assert len(said()) == 1


@virtual
async def test_ledger_of_the_future(memory: Any, ledgers: Any) -> None:
    only = memory.node()
    async with memory.pool(only) as pool:
        with pytest.raises(LedgerUnavailable, match=f"no node has ledger {max(ledgers) + 3}"):
            await pool.request({"command": "ledger", "ledger_index": max(ledgers) + 3})


async def test_closed_pool_says_so(node: Any) -> None:
    only = await node()
    pool = NodePool(only.url)
    with pytest.raises(ConnectionLost, match="not open"):
        await pool.request({"command": "ping"})
    async with pool:
        stream = pool.subscribe(["ledger"])
        waiting = asyncio.ensure_future(
            pool.request({"command": "ledger", "ledger_index": only.closed + 1})
        )
        await stream.__anext__()
    await pool.close()
    with pytest.raises(ConnectionLost):
        await waiting
    with pytest.raises(ConnectionLost):
        await stream.__anext__()


def test_pool_without_nodes() -> None:
    with pytest.raises(ConfigError, match="at least one node"):
        NodePool([])


def test_public_servers_are_treated_politely() -> None:
    assert is_public("wss://s1.ripple.com")
    assert is_public("wss://xrplcluster.com/ws")
    assert not is_public("wss://notripple.com")
    assert not is_public("ws://127.0.0.1:6006")
    polite, private = NodePool(["wss://s1.ripple.com", "ws://127.0.0.1:1"]).nodes()
    assert (polite.public, polite.window) == (True, 2)
    assert (private.public, private.window) == (False, 16)


async def test_secrets_in_urls_are_never_shown(node: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ekspiper")
    only = await node()
    url = f"ws://user:hidden-1@127.0.0.1:{only.port}/hidden-2-token?key=hidden-3"
    async with NodePool(url) as pool:
        with pytest.raises(RequestError) as failure:
            await pool.request({"command": "nosuch"})
        shown = repr(pool) + repr(pool.nodes()) + str(failure.value)
        await only.stop()
        await asyncio.sleep(0.3)
    ours = "".join(r.getMessage() for r in caplog.records if r.name.startswith("ekspiper"))
    assert "hidden" not in shown + ours
    assert "connecting again" in ours


async def test_what_belongs_beside_a_result_does_not_stay_in_it(node: Any) -> None:
    """As reporting servers gave it: it must not become part of a record."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == "ping":
            response["result"] = {"role": "guest", "forwarded": True, "warnings": [{"id": 1004}]}
            response["warnings"] = [{"id": 1003}]
        return False

    only = await node(fault=fault)
    async with NodePool(only.url) as pool:
        answer = await pool.ask({"command": "ping"})
    assert answer.result == {"role": "guest"}
    assert answer.response["result"]["forwarded"] is True

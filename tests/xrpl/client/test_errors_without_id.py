"""An error answer without `id` ends its request at once, whatever else is open."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ekspiper.xrpl.client import NodePool, NodeUnreachable, RequestError

from .virtual import virtual

POISON = "account_nfts"


def answering(**error: Any) -> Any:
    """A fault: one command is answered by an error without `id`."""

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] != POISON:
            return False
        await self.send(connection, error)
        return True

    return fault


ERRORS = {
    "response": {"type": "response", "status": "error", "error": "invalidParams"},
    "error": {"type": "error", "error": "invalidParams", "value": "{"},
    "bare": {"error": "invalidParams"},
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
async def test_the_only_request(error: dict[str, Any], node: Any) -> None:
    only = await node(fault=answering(**error))
    async with NodePool(only.url) as pool:
        began = time.monotonic()
        with pytest.raises(RequestError, match="invalidParams"):
            await pool.request({"command": POISON})
        assert time.monotonic() - began < 5
    assert only.connections == 1


@virtual
async def test_among_others_it_is_found_by_sending_them_one_by_one(memory: Any) -> None:
    """The others take their time, so that they are open whenever the error comes."""
    poisoned = answering(**ERRORS["response"])

    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request.get("number") is not None:
            await asyncio.sleep(0.05)
        return bool(await poisoned(self, connection, request, response))

    only = memory.node(fault=fault)
    async with memory.pool(only) as pool:
        pings = [pool.request({"command": "ping", "number": i}) for i in range(40)]
        pings.insert(20, pool.request({"command": POISON}))
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*pings, return_exceptions=True)
    assert [a for a in answers if a != {}] == [answers[20]]
    assert isinstance(answers[20], RequestError)
    assert only.connections < 12


async def test_the_request_that_is_repeated_in_it(node: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        if request["command"] == POISON:
            await self.send(connection, {**ERRORS["response"], "request": request})
            return True
        return bool(request["command"] == "fee")

    only = await node(fault=fault)
    async with NodePool(only.url) as pool:
        waiting = asyncio.create_task(pool.request({"command": "fee"}))
        await only.until_asked("fee")
        with pytest.raises(RequestError, match="invalidParams"):
            await pool.request({"command": POISON})
        waiting.cancel()
    assert only.connections == 1


async def test_while_it_is_greeted(node: Any, said: Any) -> None:
    async def fault(self: Any, connection: Any, request: Any, response: Any) -> bool:
        await self.send(connection, {"error": "tooBusy", "type": "response"})
        return True

    only = await node(fault=fault)
    began = time.monotonic()
    with pytest.raises(NodeUnreachable, match=r"server_info refused by .*: tooBusy"):
        await NodePool(only.url, connect_timeout=0.5).open()
    assert time.monotonic() - began < 5
    assert only.connections > 1

"""What the node is as a server: ports, processes, clients that leave, two kinds of server."""

from __future__ import annotations

import asyncio
import builtins
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import connect

from ekspiper.core import ConfigError, MissingExtra
from ekspiper.xrpl.replay import Recording, ReplayNode, ReplayProcess

from .conftest import ask, client, lines_of, post

LEDGER: dict[str, Any] = {"command": "ledger", "ledger_index": 200, "api_version": 2}


async def test_a_port_in_use(recording: Recording) -> None:
    async with ReplayNode(recording) as node:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1 port {node.port}"):
            async with ReplayNode(recording, port=node.port):
                pass


async def test_without_aiohttp(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "aiohttp":
            raise ImportError(name)
        return real(name, globals_, locals_, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-xrpl\[replay\]'"):
        await ReplayNode(recording).open()


async def test_a_browser_is_told_what_this_is(recording: Recording) -> None:
    async with (
        ReplayNode(recording) as node,
        aiohttp.ClientSession() as http,
        http.get(node.http_url) as reply,
    ):
        assert reply.status == 200
        assert "connect with a WebSocket" in await reply.text()


async def test_two_nodes_on_one_recording(recording: Recording) -> None:
    one, two = ReplayNode(recording, close_every=30), ReplayNode(recording)
    async with one, two, client(one) as first, client(two) as second:
        assert (await ask(first, LEDGER))["error"] == "lgrNotFound"
        assert (await ask(second, LEDGER))["status"] == "success"


async def test_a_client_that_leaves_in_the_middle(recording: Recording) -> None:
    request = {**LEDGER, "transactions": True, "expand": True, "binary": True}
    async with ReplayNode(recording, latency=0.01) as node:
        for _ in range(5):
            async with client(node) as socket:
                for _ in range(20):
                    await socket.send(orjson.dumps(request).decode())
                socket.transport.abort()
        async with client(node) as socket:
            assert (await ask(socket, request))["status"] == "success"


async def test_requests_one_after_another_without_waiting(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        for index in range(3, 303):
            await socket.send(orjson.dumps({**LEDGER, "ledger_index": index, "id": index}).decode())
        answers = [orjson.loads(await socket.recv()) for _ in range(300)]
    assert [a["result"]["ledger_index"] for a in answers] == [a["id"] for a in answers]


async def test_definitions_only_when_they_are_new(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        whole = (await ask(socket, {"command": "server_definitions"}))["result"]
        request = {"command": "server_definitions", "hash": whole["hash"]}
        assert (await ask(socket, request))["result"] == {"hash": whole["hash"]}
        request["hash"] = "AB" * 32
        assert (await ask(socket, request))["result"] == whole


async def test_what_a_recording_of_ledgers_alone_says(binary_only: Recording) -> None:
    async with ReplayNode(binary_only, network_id=21) as node, client(node) as socket:
        info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
        assert info["complete_ledgers"] == "3-302"
        assert info["network_id"] == 21
        assert info["validated_ledger"]["seq"] == 302
        state = (await ask(socket, {"command": "server_state"}))["result"]["state"]
        assert state["validated_ledger"]["close_time"] == 848664426
        assert (await ask(socket, {"command": "server_definitions"}))["error"] == "unknownCmd"
        fee = (await ask(socket, {"command": "fee"}))["result"]
        assert fee["drops"]["base_fee"] == "10"
        assert fee["ledger_current_index"] == 303
        assert (await ask(socket, {"command": "ping"}))["result"] == {}
        page = await ask(socket, {"command": "ledger_data", "ledger_index": 302})
        assert page["error"] == "lgrNotFound"


async def test_a_node_that_holds_nothing_yet(recording: Recording) -> None:
    node = ReplayNode(recording, close_every=30, missing=range(3, 10))
    async with node, client(node) as socket:
        info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
        assert info["complete_ledgers"] == "empty"
        assert "validated_ledger" not in info
        request = {"command": "subscribe", "streams": ["ledger"]}
        assert (await ask(socket, request))["result"] == {}
        node.release(10)
        assert orjson.loads(await socket.recv())["validated_ledgers"] == "10"


async def test_bytes_that_cannot_be_decoded(recorded: Path, tmp_path: Path) -> None:
    line = lines_of(recorded / "ledger_v2_binary.jsonl.gz")[0]
    line["response"]["result"]["ledger"]["transactions"][0]["tx_blob"] = "FFFF"
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(line))
    with Recording.load(tmp_path) as loaded:
        async with ReplayNode(loaded) as node, client(node) as socket:
            request = {**LEDGER, "ledger_index": 3, "transactions": True, "expand": True}
            assert (await ask(socket, request))["error"] == "internal"
            served = (await ask(socket, {**request, "binary": True}))["result"]
            assert served == line["response"]["result"]


async def test_a_command_that_only_the_recording_knows(recorded: Path, tmp_path: Path) -> None:
    known = {"command": "account_info", "account": "r1", "ledger_index": 3, "api_version": 2}
    lines = [
        lines_of(recorded / "ledger_v2_binary.jsonl.gz")[0],
        {"request": {**known, "id": 5}, "response": {"result": {"ledger_index": 3, "a": 1}}},
        {
            "request": {"command": "account_info", "account": "r2"},
            "response": {"error": "actNotFound", "error_code": 19, "ledger_index": 3, "id": 8},
        },
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with Recording.load(tmp_path) as loaded:
        async with ReplayNode(loaded) as node, client(node) as socket:
            answer = await ask(socket, {**known, "id": "x"})
            assert answer["result"] == {"ledger_index": 3, "a": 1}
            answer = await ask(socket, {"command": "account_info", "account": "r2"})
            assert (answer["error"], answer["ledger_index"]) == ("actNotFound", 3)
            answer = await ask(socket, {"command": "account_info", "account": "r3"})
            assert answer["error"] == "unknownCmd"


async def test_clio(recording: Recording) -> None:
    async with ReplayNode(recording, clio=True) as node, client(node) as socket:
        info = await ask(socket, {"command": "server_info"})
        assert "clio_version" in info["result"]["info"]
        assert info["warnings"][0]["id"] == 2001
        header = (await ask(socket, {"command": "ledger", "api_version": 2}))["result"]
        assert (header["ledger_index"], header["validated"]) == (302, True)
        page = {"command": "ledger_data", "ledger_index": 302, "limit": 10}
        first = (await ask(socket, page))["result"]
        assert first["marker"] == first["state"][-1]["index"]
        second = (await ask(socket, {**page, "marker": first["marker"]}))["result"]
        assert second["state"][0]["index"] > first["marker"]
        no_key = await ask(socket, {**page, "marker": "00" * 32})
        assert (no_key["error"], no_key["error_message"]) == ("invalidParams", "markerDoesNotExist")
        assert no_key["warnings"][0]["id"] == 2001
        assert orjson.loads((await post(node, {"method": "ping"}))[1])["warnings"][0]["id"] == 2001


async def test_a_rate(recording: Recording) -> None:
    async with ReplayNode(recording, faults="rate=10") as node, client(node) as socket:
        answers = [await ask(socket, {"command": "ping"}) for _ in range(15)]
        refused = [answer for answer in answers if "error" in answer]
        assert 3 <= len(refused) <= 5
        assert refused[0]["error"] == "slowDown"
        await asyncio.sleep(0.25)
        assert (await ask(socket, {"command": "ping"}))["status"] == "success"
        assert node.faults_injected["slowDown"] == len(refused)


async def test_in_a_process() -> None:
    async with ReplayProcess(network_id=5) as node, connect(node.url) as socket:
        info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
        assert (info["complete_ledgers"], info["network_id"]) == ("421-540", 5)
    await node.close()


async def test_a_process_that_cannot_serve(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no \*\.jsonl\.gz"):
        await ReplayProcess(tmp_path).open()


async def test_a_client_that_leaves_before_it_is_greeted(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with ReplayNode(recording) as node:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", node.port)) as leaving:
                leaving.sendall(upgrade)
                # Closed at once, so that the connection is reset.
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0)
        async with connect(node.url) as after:
            await after.ping()
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]

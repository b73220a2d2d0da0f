"""rippled's errors, over a WebSocket and over JSON-RPC."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import ask, client, post

USD = {"currency": "USD", "issuer": "rndGfUxGHcCh34V5LN9uW6AdpA6aUTJZZo"}
XRP = {"currency": "XRP"}


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"command": "nosuch"}, "unknownCmd", "Unknown method."),
        ({"command": "ledger", "ledger_index": 2}, "lgrNotFound", "ledgerNotFound"),
        ({"command": "ledger", "ledger_index": -1}, "invalidParams", "ledgerIndexMalformed"),
        ({"command": "ledger", "ledger_index": True}, "invalidParams", "ledgerIndexMalformed"),
        ({"command": "ledger", "ledger_hash": "AB"}, "invalidParams", "ledgerHashMalformed"),
        ({"command": "ledger", "ledger_hash": 5}, "invalidParams", "ledgerHashNotString"),
        (
            {"command": "ledger_data", "ledger_index": 302, "limit": "a"},
            "invalidParams",
            "Invalid field 'limit', not integer.",
        ),
        (
            {"command": "ledger_data", "ledger_index": 302, "type": "nosuch"},
            "invalidParams",
            "Invalid field 'type'.",
        ),
        ({"command": "ledger_data", "ledger_index": 301}, "lgrNotFound", "ledgerNotFound"),
        ({"command": "subscribe", "streams": "ledger"}, "invalidParams", "Invalid parameters."),
        ({"command": "subscribe", "streams": ["server"]}, "malformedStream", "Stream malformed."),
        ({"command": "subscribe", "books": []}, "notSupported", "Operation not supported."),
        (
            {"command": "book_offers", "taker_gets": XRP},
            "invalidParams",
            "Missing field 'taker_pays'.",
        ),
        (
            {"command": "book_offers", "taker_gets": XRP, "taker_pays": "USD"},
            "invalidParams",
            "Invalid field 'taker_pays', not object.",
        ),
        (
            {"command": "book_offers", "taker_gets": XRP, "taker_pays": {"currency": "USD"}},
            "srcIsrMalformed",
            "Invalid field 'taker_pays.issuer', expected non-XRP issuer.",
        ),
        (
            {"command": "book_offers", "taker_gets": XRP, "taker_pays": USD, "domain": {}},
            "domainMalformed",
            "Unable to parse domain.",
        ),
        (
            {"command": "book_offers", "taker_gets": {**XRP, "issuer": "r"}, "taker_pays": USD},
            "dstIsrMalformed",
            "Unneeded field 'taker_gets.issuer' for XRP currency specification.",
        ),
        (
            {"command": "book_offers", "taker_gets": XRP, "taker_pays": USD, "limit": -1},
            "invalidParams",
            "Invalid field 'limit', not unsigned integer.",
        ),
        ({"command": "amm_info"}, "invalidParams", "Invalid parameters."),
        ({"command": "amm_info", "amm_account": "r1"}, "actMalformed", "Account malformed."),
        (
            {"command": "amm_info", "amm_account": USD["issuer"]},
            "actNotFound",
            "Account not found.",
        ),
    ],
)
async def test_error(
    recording: Recording, request_: dict[str, Any], error: str, message: str
) -> None:
    async with ReplayNode(recording) as node:
        async with client(node) as socket:
            answer = await ask(socket, {**request_, "id": [7]})
        assert answer["error"] == error
        assert answer["error_message"] == message
        assert answer["request"] == {**request_, "id": [7]}
        assert (answer["status"], answer["type"], answer["id"]) == ("error", "response", [7])
        if request_["command"] != "subscribe":
            params = {k: v for k, v in request_.items() if k != "command"}
            status, text = await post(node, {"method": request_["command"], "params": [params]})
            assert status == 200
            result = orjson.loads(text)["result"]
            assert (result["error"], result["status"]) == (error, "error")
            assert result["request"] == request_


@pytest.mark.parametrize("frame", ["{", "[1]", "17", ""])
async def test_a_frame_that_is_no_request(recording: Recording, frame: str) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        await socket.send(frame)
        answer = orjson.loads(await socket.recv())
        assert answer == {"type": "error", "error": "jsonInvalid", "value": frame}


async def test_no_command(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        for request in ({"id": 1}, {"id": 1, "command": 5}, {"command": "ping", "method": "fee"}):
            answer = await ask(socket, request)
            assert answer["error"] == "missingCommand"
            assert "error_code" not in answer
        assert (await ask(socket, {"method": "ping"}))["status"] == "success"


@pytest.mark.parametrize("version", [0, 3, "2", None])
async def test_a_version_that_is_not_served(recording: Recording, version: object) -> None:
    async with ReplayNode(recording) as node:
        async with client(node) as socket:
            answer = await ask(socket, {"command": "ping", "api_version": version})
        assert answer["error"] == "invalid_API_version"
        assert answer["api_version"] == version
        call = {"method": "ping", "params": [{"api_version": version}]}
        assert (await post(node, call))[0] == 400


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([1], "Unable to parse request"),
        ({}, "Null method"),
        ({"method": 5}, "method is not string"),
        ({"method": ""}, "method is empty"),
        ({"method": "ping", "params": [1]}, "params unparseable"),
    ],
)
async def test_a_body_that_is_no_call(recording: Recording, body: object, told: str) -> None:
    async with ReplayNode(recording) as node:
        status, text = await post(node, body)
    assert (
        (status, text.strip()) == (400, told)
        if told != "Unable to parse request"
        else (status == 400 and told in text)
    )


async def test_json_rpc_gives_what_the_socket_gives(recording: Recording) -> None:
    params = {"ledger_index": 30, "transactions": True, "expand": True, "api_version": 2}
    async with ReplayNode(recording) as node:
        async with client(node) as socket:
            expected = (await ask(socket, {"command": "ledger", **params}))["result"]
        status, text = await post(node, {"method": "ledger", "params": [params]})
        assert status == 200
        assert orjson.loads(text) == {"result": {**expected, "status": "success"}}
        status, text = await post(node, {"method": "ping"})
        assert orjson.loads(text)["result"]["status"] == "success"


async def test_json_rpc_does_not_subscribe(recording: Recording) -> None:
    async with ReplayNode(recording) as node:
        call = {"method": "subscribe", "params": [{"streams": ["ledger"]}]}
        assert orjson.loads((await post(node, call))[1])["result"]["error"] == "invalidParams"

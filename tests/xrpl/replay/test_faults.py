"""Each fault does what its name says, as often as the plan says, and then the node recovers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import LedgerHeader, transaction_id
from ekspiper.xrpl.replay import KINDS, Fault, FaultPlan, Recording, ReplayNode

from .conftest import ask, client, post

LEDGER: dict[str, Any] = {
    "command": "ledger",
    "ledger_index": 50,
    "transactions": True,
    "expand": True,
    "binary": True,
    "api_version": 2,
    "id": 1,
}
PAGE: dict[str, Any] = {"command": "ledger_data", "ledger_index": 302, "binary": True, "id": 2}
SUBSCRIBE = {"command": "subscribe", "streams": ["ledger"]}


async def test_no_plan_no_fault(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        await ask(socket, LEDGER)
        assert not node.faults_injected


async def struck(recording: Recording, kind: str, request: dict[str, Any]) -> tuple[Any, Any]:
    """The answer with the fault, and the answer of the same node when asked again."""
    async with ReplayNode(recording, faults=kind) as node, client(node) as socket:
        wrong = await ask(socket, request)
        assert node.faults_injected == {kind: 1}
        right = await ask(socket, request)
        assert node.faults_injected == {kind: 1}
        return wrong, right


def root_fields(answer: dict[str, Any]) -> tuple[LedgerHeader, str]:
    result = answer["result"]
    return (
        LedgerHeader.from_bytes(bytes.fromhex(result["ledger"]["ledger_data"])),
        result["ledger_hash"],
    )


async def test_unvalidated(recording: Recording) -> None:
    wrong, right = await struck(recording, "unvalidated", LEDGER)
    assert (wrong["result"]["validated"], right["result"]["validated"]) == (False, True)


FORWARDED = ("fee", "server_definitions", "server_state")


async def test_clio_that_cannot_forward(recording: Recording) -> None:
    for kind in ("failedToForward", "noNetwork"):
        node = ReplayNode(recording, faults=kind, network_id=5)
        async with node, client(node) as socket:
            for command in FORWARDED * 2:
                answer = await ask(socket, {"command": command, "id": 1})
                refusal = answer if kind == "failedToForward" else answer["result"]
                assert refusal["error"] == kind
                assert answer["warnings"][0]["id"] == 2001
            assert node.faults_injected == {kind: 6}
            info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
            assert "clio_version" in info
            assert not info.keys() & {"network_id", "load_factor", "build_version"}
            assert "ledger" in (await ask(socket, LEDGER))["result"]


async def test_other_ledger(recording: Recording) -> None:
    wrong, right = await struck(recording, "otherLedger", LEDGER)
    assert (wrong["result"]["ledger_index"], right["result"]["ledger_index"]) == (49, 50)
    assert wrong["id"] == 1


async def test_truncated(recording: Recording) -> None:
    wrong, right = await struck(recording, "truncated", LEDGER)
    few, all_ = (a["result"]["ledger"]["transactions"] for a in (wrong, right))
    assert few == all_[: len(all_) // 2]


async def test_forged_transaction(recording: Recording) -> None:
    wrong, right = await struck(recording, "forgedTransaction", LEDGER)
    for answer, matches in ((wrong, False), (right, True)):
        pairs = [
            (transaction_id(bytes.fromhex(t["tx_blob"])).hex().upper(), t["hash"])
            for t in answer["result"]["ledger"]["transactions"]
        ]
        assert all(made == told for made, told in pairs) is matches


async def test_forged_meta(recording: Recording) -> None:
    wrong, right = await struck(recording, "forgedMeta", LEDGER)
    one, two = (a["result"]["ledger"]["transactions"] for a in (wrong, right))
    different = [(a, b) for a, b in zip(one, two, strict=True) if a != b]
    assert len(different) == 1
    bits = int(different[0][0]["meta_blob"], 16) ^ int(different[0][1]["meta_blob"], 16)
    assert bits.bit_count() == 1


async def test_forged_header(recording: Recording) -> None:
    wrong, right = await struck(recording, "forgedHeader", LEDGER)
    for answer, matches in ((wrong, False), (right, True)):
        header, told = root_fields(answer)
        assert (header.ledger_hash.hex().upper() == told) is matches


async def test_wrong_parent(recording: Recording) -> None:
    wrong, right = await struck(recording, "wrongParent", LEDGER)
    (forged, told), (header, _) = root_fields(wrong), root_fields(right)
    assert forged.ledger_hash.hex().upper() == told
    assert forged.parent_hash != header.parent_hash
    assert forged.transaction_hash == header.transaction_hash


async def test_forged_and_lost_objects(recording: Recording) -> None:
    wrong, right = await struck(recording, "forgedObject", PAGE)
    pairs = zip(wrong["result"]["state"], right["result"]["state"], strict=True)
    assert sum(a != b for a, b in pairs) == 1
    wrong, right = await struck(recording, "lostObject", PAGE)
    assert len(wrong["result"]["state"]) == len(right["result"]["state"]) - 1


@pytest.mark.parametrize(("kind", "code"), [("lgrNotFound", 21), ("slowDown", 10), ("tooBusy", 9)])
async def test_errors(recording: Recording, kind: str, code: int) -> None:
    wrong, right = await struck(recording, kind, LEDGER)
    assert (wrong["error"], wrong["error_code"], wrong["request"]) == (kind, code, LEDGER)
    assert right["status"] == "success"


async def test_expired_marker(recording: Recording) -> None:
    async with ReplayNode(recording, faults="markerExpired") as node, client(node) as socket:
        page = await ask(socket, PAGE)
        request = {**PAGE, "marker": page["result"]["marker"]}
        wrong = await ask(socket, request)
        assert wrong["error_message"] == "markerDoesNotExist"
        assert (await ask(socket, request))["status"] == "success"


async def test_load_warning(recording: Recording) -> None:
    wrong, right = await struck(recording, "loadWarning", LEDGER)
    assert wrong["warning"] == "load"
    assert "warning" not in right


async def test_garbage(recording: Recording) -> None:
    async with ReplayNode(recording, faults="garbage") as node, client(node) as socket:
        await socket.send(orjson.dumps(LEDGER).decode())
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(await socket.recv())
        assert (await ask(socket, LEDGER))["status"] == "success"


async def test_huge_frame(recording: Recording) -> None:
    async with ReplayNode(recording, faults="hugeFrame") as node, client(node) as socket:
        await socket.send(orjson.dumps(LEDGER).decode())
        frame = await socket.recv()
        assert len(frame) == 20 << 20
        assert orjson.loads(frame) == await ask(socket, LEDGER)


async def test_disconnect_in_the_middle(recording: Recording) -> None:
    async with ReplayNode(recording, faults="disconnect") as node:
        async with client(node) as socket:
            await socket.send(orjson.dumps(LEDGER).decode())
            with pytest.raises(ConnectionClosedError) as caught:
                await socket.recv()
            assert caught.value.rcvd is None
        async with client(node) as socket:
            assert (await ask(socket, LEDGER))["status"] == "success"


async def test_close_1008(recording: Recording) -> None:
    async with ReplayNode(recording, faults="close1008") as node, client(node) as socket:
        await socket.send(orjson.dumps(LEDGER).decode())
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "threshold exceeded")


async def test_hang(recording: Recording) -> None:
    async with ReplayNode(recording, faults="hang@50", close_every=30) as node:
        node.release(60)
        async with client(node) as socket:
            await ask(socket, SUBSCRIBE)
            await socket.send(orjson.dumps(LEDGER).decode())
            await socket.send('{"command": "ping"}')
            # A node that hangs still answers the pings of the WebSocket itself.
            await (await socket.ping())
            node.release(61)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.05)
        async with client(node) as socket:
            assert (await ask(socket, LEDGER))["status"] == "success"


async def test_no_answer(recording: Recording) -> None:
    async with ReplayNode(recording, faults="noAnswer@50") as node, client(node) as socket:
        await socket.send(orjson.dumps(LEDGER).decode())
        assert (await ask(socket, {"command": "ping", "id": 9}))["id"] == 9
        assert (await ask(socket, LEDGER))["id"] == 1


async def test_slow(recording: Recording) -> None:
    async with ReplayNode(recording, faults="slow@50=0.1") as node, client(node) as socket:
        await socket.send(orjson.dumps(LEDGER).decode())
        # Other answers do not wait for the slow one.
        assert (await ask(socket, {"command": "ping", "id": 9}))["id"] == 9
        assert orjson.loads(await socket.recv())["id"] == 1


async def test_latency_is_not_a_limit_of_the_rate(recording: Recording) -> None:
    async with ReplayNode(recording, latency=0.1) as node, client(node) as socket:
        started = asyncio.get_running_loop().time()
        for number in range(20):
            await socket.send(orjson.dumps({"command": "ping", "id": number}).decode())
        answers = [orjson.loads(await socket.recv())["id"] for _ in range(20)]
        took = asyncio.get_running_loop().time() - started
    assert sorted(answers) == list(range(20))
    assert 0.1 <= took < 1


async def test_a_storm(recording: Recording) -> None:
    async with ReplayNode(recording, faults="slowDown@50=0.2") as node, client(node) as socket:
        assert (await ask(socket, LEDGER))["error"] == "slowDown"
        assert (await ask(socket, {"command": "ping"}))["error"] == "slowDown"
        await asyncio.sleep(0.25)
        assert (await ask(socket, {"command": "ping"}))["status"] == "success"
        assert node.faults_injected["slowDown"] == 2


async def test_down(recording: Recording) -> None:
    async with ReplayNode(recording, faults="down@50=0.2") as node:
        async with client(node) as socket, client(node) as other:
            await socket.send(orjson.dumps(LEDGER).decode())
            for each in (socket, other):
                with pytest.raises(ConnectionClosedError):
                    await each.recv()
        with pytest.raises(OSError):
            async with client(node):
                pass
        await asyncio.sleep(0.3)
        async with client(node) as socket:
            assert (await ask(socket, LEDGER))["status"] == "success"


async def test_missing(recording: Recording) -> None:
    async with ReplayNode(recording, faults="missing@33-35+40") as node, client(node) as socket:
        for index in (33, 34, 35, 40):
            answer = await ask(socket, {**LEDGER, "ledger_index": index})
            assert answer["error"] == "lgrNotFound"
        info = (await ask(socket, {"command": "server_info"}))["result"]["info"]
        assert info["complete_ledgers"] == "3-32,36-39,41-302"


async def streamed(recording: Recording, faults: str, count: int) -> list[int]:
    node = ReplayNode(recording, faults=faults, close_every=30)
    async with node, client(node) as socket:
        await ask(socket, SUBSCRIBE)
        node.release(10)
        found = [orjson.loads(await socket.recv())["ledger_index"] for _ in range(count)]
        assert (await ask(socket, {"command": "ping"}))["type"] == "response"  # and no more
    return found


async def test_the_stream(recording: Recording) -> None:
    assert await streamed(recording, "skipped@6", 6) == [4, 5, 7, 8, 9, 10]
    assert await streamed(recording, "duplicate@6", 8) == [4, 5, 6, 6, 7, 8, 9, 10]
    assert await streamed(recording, "outOfOrder@6", 7) == [4, 5, 7, 6, 8, 9, 10]
    assert await streamed(recording, "silent@6", 2) == [4, 5]


async def test_a_silent_stream_speaks_on_the_next_connection(recording: Recording) -> None:
    node = ReplayNode(recording, faults="silent@4", close_every=30)
    async with node:
        async with client(node) as socket:
            await ask(socket, SUBSCRIBE)
            node.release(4)
            assert (await ask(socket, {"command": "ping"}))["type"] == "response"
        async with client(node) as socket:
            await ask(socket, SUBSCRIBE)
            node.release(5)
            assert orjson.loads(await socket.recv())["ledger_index"] == 5


@pytest.mark.parametrize("kind", ["tooBusy", "slowDown", "close1008"])
async def test_http_503(recording: Recording, kind: str) -> None:
    async with ReplayNode(recording, faults=kind) as node:
        assert (await post(node, {"method": "ping"}))[0] == 503
        assert (await post(node, {"method": "ping"}))[0] == 200
        assert node.faults_injected == {kind: 1}


async def test_http_faults(recording: Recording) -> None:
    for kind in ("disconnect", "hang", "noAnswer"):
        async with ReplayNode(recording, faults=kind) as node:
            with pytest.raises(aiohttp.ClientError):
                await post(node, {"method": "ping"})
            assert (await post(node, {"method": "ping"}))[0] == 200
    async with ReplayNode(recording, faults="garbage,loadWarning,slow=0.01") as node:
        assert not (await post(node, {"method": "ping"}))[1].endswith("}")
        assert '"warning":"load"' in (await post(node, {"method": "ping"}))[1]
        assert (await post(node, {"method": "ping"}))[0] == 200
        assert node.faults_injected == {"garbage": 1, "loadWarning": 1, "slow": 1}


async def test_one_plan_strikes_the_same_targets_in_any_order(recording: Recording) -> None:
    async def struck_by(order: list[int], seed: int) -> set[int]:
        plan = FaultPlan((Fault("lgrNotFound", 0.3),), seed=seed)
        async with ReplayNode(recording, faults=plan) as node, client(node) as socket:
            answers = [
                (i, await ask(socket, {"command": "ledger", "ledger_index": i})) for i in order
            ]
            hit = {index for index, answer in answers if "error" in answer}
            assert node.faults_injected["lgrNotFound"] == len(hit)
            return hit

    forwards = list(range(3, 103))
    first = await struck_by(forwards, 7)
    assert 10 < len(first) < 60
    assert await struck_by(forwards[::-1], 7) == first
    assert await struck_by(forwards, 8) != first


async def test_a_bound_on_how_often_one_target_is_struck(recording: Recording) -> None:
    async with ReplayNode(recording, faults="lgrNotFound*3") as node, client(node) as socket:
        answers = [await ask(socket, LEDGER) for _ in range(5)]
        assert [a["status"] for a in answers] == ["error"] * 3 + ["success"] * 2
    async with ReplayNode(recording, faults="lgrNotFound*0") as node, client(node) as socket:
        assert all([(await ask(socket, LEDGER))["status"] == "error" for _ in range(5)])


async def test_ordinals(recording: Recording) -> None:
    node = ReplayNode(recording, faults="lgrNotFound@#2+#4-5*0")
    async with node, client(node) as socket:
        answers = [await ask(socket, LEDGER) for _ in range(6)]
    assert [n for n, answer in enumerate(answers, 1) if "error" in answer] == [2, 4, 5]


def test_a_plan_in_words() -> None:
    plan = FaultPlan.parse(
        "disconnect:0.02, slowDown:0.05=1.5,forgedMeta@200-220+#3*2,seed=7,latency=0.05"
    )
    assert plan == FaultPlan(
        (
            Fault("disconnect", 0.02),
            Fault("slowDown", 0.05, amount=1.5),
            Fault("forgedMeta", ledgers=(range(200, 221),), ordinals=(range(3, 4),), times=2),
        ),
        seed=7,
        latency=0.05,
    )
    assert FaultPlan.parse("") == FaultPlan()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("nosuch", "no fault is called 'nosuch'; there are disconnect, "),
        ("slow:often", "'slow:often': 'often' is not a number"),
        ("slow:2", "probability 2.0 is not in 0 to 1"),
        ("slow@x", "'x' is not a number"),
        ("slow;", "not KIND"),
        ("missing", "say which ledgers"),
        ("seed=x", "'x' is not a number"),
    ],
)
def test_a_bad_plan(spec: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("[", r"\[")):
        FaultPlan.parse(spec)


def test_every_kind_is_tested_here() -> None:
    here = Path(__file__)
    text = here.read_text() + here.with_name("test_testimony.py").read_text()
    assert [kind for kind in KINDS if f'"{kind}' not in text] == []

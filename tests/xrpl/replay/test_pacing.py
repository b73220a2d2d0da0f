"""How far the stream may be ahead of those who follow it."""

from __future__ import annotations

import asyncio

from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.replay._faults import RateLimit
from ekspiper.xrpl.replay._serving.pacing import Follower

from .conftest import ask, client


def test_the_lead() -> None:
    follower = Follower(range(100, 200), lead=4)
    assert [i for i in range(100, 200) if follower.may_release(i)] == [100, 101, 102, 103]
    follower.asked_for(110)
    assert follower.may_release(114)
    assert not follower.may_release(115)
    follower.asked_for(105)  # Going back does not hold up what comes next.
    assert follower.may_release(114)


async def test_waiting_ends() -> None:
    follower = Follower(range(100, 200), lead=4, timeout=0.01)
    await asyncio.wait_for(follower.wait(150), 1)


async def test_a_follower_that_asks_is_not_kept_waiting() -> None:
    follower = Follower(range(100, 200), lead=4, timeout=60)
    waiting = asyncio.create_task(follower.wait(110))
    await asyncio.sleep(0)
    assert not waiting.done()
    follower.asked_for(106)
    await asyncio.wait_for(waiting, 1)


async def test_a_node_does_not_run_away() -> None:
    with Recording.sample() as sample:
        async with ReplayNode(sample, close_every=0) as node, client(node) as socket:
            await ask(socket, {"command": "subscribe", "streams": ["ledger"]})
            for _ in range(16):
                await socket.recv()
            assert node.released <= 421 + 18


def test_a_rate() -> None:
    limit = RateLimit(4)
    assert [limit.allows(10.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert [limit.allows(10.5) for _ in range(3)] == [True] * 2 + [False]
    assert [limit.allows(99.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert all(RateLimit(0).allows(0.0) for _ in range(1000))

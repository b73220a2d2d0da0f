"""When a node may be connected to again."""

from __future__ import annotations

import asyncio
import random

import pytest

from ekspiper.xrpl.client.turns import Turns


async def test_a_new_life_waits_for_nothing_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    turns = Turns(asyncio.get_running_loop().time)
    for _ in range(10):
        turns.failed()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await turns.next()  # 15 s
    turns.begin()
    async with asyncio.timeout(1):
        await turns.next()

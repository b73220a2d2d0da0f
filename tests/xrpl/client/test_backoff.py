"""When a node may be connected to again."""

from __future__ import annotations

import asyncio
import random

import pytest

from ekspiper.xrpl.client._clock import Backoff


async def test_a_new_life_waits_for_nothing_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    backoff = Backoff(asyncio.get_running_loop().time)
    for _ in range(10):
        backoff.failed()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await backoff.over()  # 15 s
    backoff.begin()
    async with asyncio.timeout(1):
        await backoff.over()

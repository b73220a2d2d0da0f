"""Hands every item of a flow to each of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .channel import END, Channel

__all__ = ["Fan"]

_AT_ONCE = 64


class Fan:
    """Copies a channel into several, one for each step; a slow step fills its own first."""

    def __init__(self, inlet: Channel, outlets: Sequence[Channel]) -> None:
        self.inlet = inlet
        self.outlets = outlets

    async def run(self) -> None:
        """Copy until the end."""
        more = len(self.outlets) - 1
        while True:
            for item, receipt, _ in await self.inlet.get(_AT_ONCE):
                if receipt is None:
                    for outlet in self.outlets:
                        outlet.put_control(item)
                    if item is END:
                        return
                    continue
                receipt.fork(more)
                for outlet in self.outlets:
                    if not outlet.offer(item, receipt):
                        await outlet.put(item, receipt)
            await asyncio.sleep(0)

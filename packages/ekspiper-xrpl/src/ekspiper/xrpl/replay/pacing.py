"""When the next ledger is released."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["Follower"]


class Follower:
    """Lets ledgers out as fast as clients follow, and no faster.

    The next ledger may go when fewer than `lead` released ones are still to be asked for, or when
    nobody has asked for anything for `patience` seconds: a client that only listens is served too.

    Args:
        held: the ledgers to release, in order.
        lead: how many ledgers the stream may be ahead of the highest one asked for.
        patience: seconds after which a ledger goes although nobody asked for the last ones.
    """

    def __init__(self, held: Sequence[int], *, lead: int = 16, patience: float = 0.1) -> None:
        self._held = held
        self._lead = lead
        self._patience = patience
        self._asked = -1
        self._news = asyncio.Event()

    def asked_for(self, ledger_index: int) -> None:
        """A client asked for this ledger."""
        place = bisect_left(self._held, ledger_index)
        if place > self._asked:
            self._asked = place
            self._news.set()

    def may_release(self, ledger_index: int) -> bool:
        """Whether clients are close enough behind."""
        return bisect_left(self._held, ledger_index) <= self._asked + self._lead

    async def wait(self, ledger_index: int) -> None:
        """Return when the ledger may be released."""
        await asyncio.sleep(0)
        while not self.may_release(ledger_index):
            self._news.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._news.wait()
            except TimeoutError:
                return

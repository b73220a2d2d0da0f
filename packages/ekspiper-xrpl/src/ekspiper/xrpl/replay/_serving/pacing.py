"""When ledgers close: at a pace, as fast as clients follow, or all before the start."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from .._answers import View

__all__ = ["Follower", "Pacer"]


class Follower:
    """Lets ledgers out as fast as clients follow, and no faster.

    The next ledger may go when fewer than `lead` released ones are still to be asked for, or when
    nobody has asked for anything for `timeout` seconds: a client that only listens is served too.

    Args:
        held: the ledgers to release, in order.
        lead: how many ledgers the stream may be ahead of the highest one asked for.
        timeout: seconds after which a ledger goes although nobody asked for the last ones.
    """

    def __init__(self, held: Sequence[int], *, lead: int = 16, timeout: float = 0.1) -> None:
        self._held = held
        self._lead = lead
        self._timeout = timeout
        self._asked = -1
        self._news = asyncio.Event()

    def asked_for(self, ledger_index: int) -> None:
        """A client asked for this ledger."""
        # By place and not by index: a recording may have gaps.
        place = bisect_left(self._held, ledger_index)
        if place > self._asked:
            self._asked = place
            self._news.set()

    def may_release(self, ledger_index: int) -> bool:
        """Whether clients are close enough behind."""
        return bisect_left(self._held, ledger_index) <= self._asked + self._lead

    async def wait(self, ledger_index: int) -> None:
        """Return when the ledger may be released."""
        # Sessions must run between two ledgers, or all would close before the first is sent.
        await asyncio.sleep(0)
        while not self.may_release(ledger_index):
            self._news.clear()
            try:
                async with asyncio.timeout(self._timeout):
                    await self._news.wait()
            except TimeoutError:
                return


class Pacer:
    """Moves a view on, ledger by ledger.

    Args:
        view: what to move on.
        close_every: seconds from ledger to ledger; 0: as fast as clients follow; None: every
            ledger is closed before the start.
        announce: called for each ledger that closes.
    """

    def __init__(
        self, view: View, *, close_every: float | None, announce: Callable[[int], None]
    ) -> None:
        self._view = view
        self._close_every = close_every
        self._announce = announce
        self._follower = Follower(view.held)
        self._followed = asyncio.Event()
        self.finished = asyncio.Event()
        """Set when every ledger is closed."""

    def release(self, ledger_index: int) -> None:
        """Close every ledger up to this one that is not closed yet."""
        held = self._view.held
        for index in held[bisect_right(held, self._view.released) :]:
            if index > ledger_index:
                break
            self._view.released = index
            self._announce(index)
        if not held or self._view.released >= held[-1]:
            self.finished.set()

    def note_subscriber(self) -> None:
        """A client subscribed: with `close_every=0` ledgers begin to close."""
        self._followed.set()

    def note_asked(self, asked: object) -> None:
        """A client asked for a ledger: with `close_every=0` others may close."""
        if self._close_every != 0 or not isinstance(asked, int):
            return
        self._followed.set()
        self._follower.asked_for(asked)
        # The client knows this ledger from another node: this one must not lag behind.
        if self._view.released < asked <= self._view.recording.last:
            self.release(asked)

    async def run(self) -> None:
        """Close every ledger, each in its time."""
        # Without a client there is nobody to follow: a test may take its time to connect.
        if self._close_every == 0:
            await self._followed.wait()
        for index in self._view.held:
            if index <= self._view.released:
                continue
            if self._close_every:
                await asyncio.sleep(self._close_every)
            else:
                await self._follower.wait(index)
            self.release(index)
        self.finished.set()

"""Validated ledgers as they close, none left out."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

from ekspiper.core import ConfigError, Source
from ekspiper.xrpl.client import LedgerUnavailable, NodePool, Subscription
from ekspiper.xrpl.codec import RIPPLE_EPOCH

from .ledger_ref import LedgerRef

__all__ = ["LedgerStream"]

log = logging.getLogger("ekspiper.xrpl.sources")

# Seconds between two ledgers, to estimate the age of one that is far behind the newest.
_INTERVAL = 3.8

# So many ledgers ahead of the newest, the first one is hardly meant: a quarter of an hour.
_FAR = 256


class LedgerStream(Source[LedgerRef]):
    """Every validated ledger from `start` on, in order, each once.

    The indexes are counted, not taken from messages. A ledger that a node skipped, or that was
    lost with a connection, comes as soon as a later one is validated.

    Args:
        pool: open nodes.
        start: the first ledger; None: the newest one when the stream begins, which a checkpoint
            holds from then on.
        until: the last ledger; None: never ends.
    """

    def __init__(
        self, pool: NodePool, *, start: int | None = None, until: int | None = None
    ) -> None:
        if start is not None and until is not None and until < start:
            raise ConfigError(f"the last ledger, {until}, is before the first, {start}")
        self._pool = pool
        self._next = start
        self._until = until
        self._yielded: LedgerRef | None = None
        self._messages: Subscription | None = None
        self._has_warned = False

    @property
    def position(self) -> int | None:
        """The index of the ledger yielded last."""
        return self._yielded.ledger_index if self._yielded else None

    @property
    def identity(self) -> str:
        """The network."""
        return f"xrpl network {self._pool.network_id}"

    @property
    def time(self) -> float | None:
        """When the ledger yielded last closed, in seconds since 1970.

        For a ledger whose close time is not known yet it is estimated from that of the newest,
        at 3.8 seconds a ledger.
        """
        if self._yielded is None:
            return None
        behind, closed = 0, self._yielded.close_time
        if closed is None:
            newest = self._pool.closed_ledger(self._pool.newest_ledger)
            if newest is None:
                return None
            closed = newest.get("ledger_time", 0)
            behind = self._pool.newest_ledger - self._yielded.ledger_index
        return float(RIPPLE_EPOCH + closed - behind * _INTERVAL)

    async def resume(self, position: Any) -> None:
        """Go on with the ledger after `position`."""
        self._next = int(position) + 1

    async def begin(self) -> int:
        """The ledger before the first; without `start`, wait for the newest to know it.

        Raises:
            LedgerUnavailable: the first one is before the history of every node.
        """
        if self._next is None:
            self._messages = self._subscribe()
            message = await anext(self._messages)
            self._next = int(message["ledger_index"])
            self._messages.put(message)  # it is to be read yet
        else:
            await self._check_history(self._next)
        return self._next - 1

    async def close(self) -> None:
        """Read no more; what was begun and not read included."""
        if self._messages is not None:
            self._messages.close()

    def __aiter__(self) -> AsyncGenerator[LedgerRef]:
        """The ledgers.

        Raises:
            LedgerUnavailable: the first one is before the history of every node.
        """
        return self._refs()

    async def _refs(self) -> AsyncGenerator[LedgerRef]:
        if self._done():
            return
        begun, self._messages = self._messages, None
        async with begun or self._subscribe() as messages:
            async for message in messages:
                if self._next is None:
                    self._next = message["ledger_index"]
                elif self._yielded is None:
                    await self._check_history(self._next)
                # Messages only say that it is worth a look. The pool's newest ledger may come from
                # another node than the message, and an announcement that was lost is made up for
                # here.
                while self._next <= self._pool.newest_ledger:
                    self._yielded = self._ref(self._next)
                    self._next += 1
                    yield self._yielded
                    if self._done():
                        return

    def _subscribe(self) -> Subscription:
        return self._pool.subscribe(["ledger"], newest_only=True)

    def _done(self) -> bool:
        return self._until is not None and self._next is not None and self._next > self._until

    def _ref(self, index: int) -> LedgerRef:
        closed = self._pool.closed_ledger(index) or {}
        return LedgerRef(index, closed.get("ledger_hash"), closed.get("ledger_time"))

    async def _check_history(self, index: int) -> None:
        newest = self._pool.newest_ledger
        if index > newest + _FAR and not self._has_warned:
            self._has_warned = True
            log.warning(
                "the next ledger, %d, is %d after the newest, %d: nothing is read until it closes; "
                "is this another network, or was it reset?",
                index,
                index - newest,
                newest,
            )
        # A later ledger will close; and what nodes said they hold may be old, so they are asked
        # again before the answer is no.
        if index in self._pool.ledgers or index > newest:
            return
        await self._pool.refresh()
        if index < self._pool.ledgers.first:
            held = "; ".join(f"{n.url} holds {n.ledgers}" for n in self._pool.nodes())
            raise LedgerUnavailable(
                f"ledger {index} is before the history of every node: {held}; "
                "start later, or give a node with more history",
                ledger_index=index,
            )

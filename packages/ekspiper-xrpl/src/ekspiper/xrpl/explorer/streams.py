"""Proven ledgers of an explorer's network: new ones as they close, old ones of a range."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from ekspiper.xrpl.client.pool import NodePool
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors.fetch_ledger import FetchLedger
from ekspiper.xrpl.sources.ledger_stream import LedgerStream

from .session import Session
from .wanted import Wanted

__all__ = ["new_ledgers", "old_ledgers"]


async def new_ledgers(
    session: Session, *, count: int | None = None, first: int | None = None, pace: float = 0.0
) -> AsyncGenerator[Ledger]:
    """Ledgers as they close.

    Args:
        session: of the explorer.
        count: how many; None: without end, but the sample has one.
        first: begin with this one; None: the newest, or the first of the sample.
        pace: seconds between two of them at least.
    """
    loop = asyncio.get_running_loop()
    async with _followed(session) as (pool, fetch, begin, end):
        stream = LedgerStream(pool, start=first or begin, until=end)
        async with aclosing(aiter(stream)) as refs:
            async for ref in refs:
                due = loop.time() + pace
                yield await fetch.fetch(ref)
                count = None if count is None else count - 1
                if count is not None and count <= 0:
                    return
                await asyncio.sleep(due - loop.time())


async def old_ledgers(
    session: Session, wanted: Wanted, *, first: int | None = None
) -> AsyncGenerator[Ledger]:
    """The ledgers of a range; from `first` on, if it is given."""
    async with session.call() as reader:
        begin, end = await reader.resolve(wanted)
        async with aclosing(reader.read(max(begin, first or begin), end)) as ledgers:
            async for ledger in ledgers:
                yield ledger
                await asyncio.sleep(0)


@asynccontextmanager
async def _followed(
    session: Session,
) -> AsyncIterator[tuple[NodePool, FetchLedger, int | None, int | None]]:
    """The pool to follow; the sample is opened anew, so that its ledgers close once more."""
    options = session.options
    session.check_open()
    if options.found.urls:
        async with session.call() as reader:
            yield reader.pool, FetchLedger(reader.pool), None, None
        return
    async with open_network(
        options.network, follow=True, connect_timeout=options.connect_timeout
    ) as network:
        yield network.pool, FetchLedger(network.pool), network.first, network.last

"""The connections of an explorer, and what every call goes through: open, connected, interrupted."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from weakref import WeakKeyDictionary

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.networks import Network
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerStream

from ._reading import LedgerCache, LedgerQuery, LedgerReader
from .errors import ExplorerClosed

__all__ = ["Connection", "Session", "SessionOptions", "new_ledgers", "old_ledgers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How an explorer reads.

    Attributes:
        network: as `open_network` takes it.
        found: the network that this names.
        cache: the folder of all networks' caches; None: nothing is kept.
        cache_bytes: how large the cache of this one may become.
        concurrency: how many ledgers are requested at the same time.
        connect_timeout: seconds within which a node must answer.
        progress: whether bars are shown.
    """

    network: str
    found: Network
    cache: Path | None
    cache_bytes: int
    concurrency: int
    connect_timeout: float
    progress: bool


class Connection:
    """An open network, and the reader of its ledgers.

    One task holds the network open. When the event loop ends, it cancels that task as any other,
    and sockets and the sample's node are closed with it.

    Args:
        options: what to open, and how to read it.
    """

    def __init__(self, options: SessionOptions) -> None:
        self._options = options
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[LedgerReader] | None = None

    async def open(self) -> LedgerReader:
        """The reader. The first call connects; calls at the same time share the connection.

        Raises:
            NodeUnreachable: no node answered in time.
        """
        if self._ready is None or self._task is None or self._task.done():
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            holding = _hold(self._options, self._ready)
            self._task = loop.create_task(holding, name="explorer connection")
            _HOLDING.add(self._task)
            self._task.add_done_callback(_HOLDING.discard)
            # An explorer that is dropped without `close` ends its task too; at the end of the
            # program the loop is gone already.
            weakref.finalize(self, _let_go, loop, self._task).atexit = False
        # A call that is interrupted must not end the connection for the others that wait for it.
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Disconnect; closing twice is fine."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


# Tasks that hold a network open: an event loop alone would let them be collected.
_HOLDING: set[asyncio.Task[None]] = set()


async def _hold(options: SessionOptions, ready: asyncio.Future[LedgerReader]) -> None:
    try:
        async with open_network(
            options.network, connect_timeout=options.connect_timeout
        ) as network:
            ready.set_result(_reader(options, network))
            # Until the task is cancelled: by `close`, or by the loop when it ends.
            await asyncio.get_running_loop().create_future()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)
        ready.exception()  # if nobody waits any more, asyncio would warn of an error that was never read
    finally:
        # Who still waits for it learns that there will be none; a result that is set stays.
        ready.cancel()


def _let_go(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """Disconnect an explorer that was forgotten without being closed."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


def _reader(options: SessionOptions, network: OpenNetwork) -> LedgerReader:
    cache = None
    if options.cache is not None:
        folder = options.cache / _folder_name(options.found, network.pool.network_id)
        cache = LedgerCache(
            folder, max_bytes=options.cache_bytes, definitions=network.pool.definitions
        )
    reader = LedgerReader(
        network.pool,
        FetchLedger(network.pool),
        cache=cache,
        concurrency=options.concurrency,
        progress=options.progress,
    )
    reader.network = network
    return reader


def _folder_name(network: Network, network_id: int | None) -> str:
    """The name of a known network; otherwise its id and its nodes, as many networks have the id 0."""
    if network.name != "custom":
        return network.name
    nodes = sha256(" ".join(sorted(network.urls)).encode()).hexdigest()[:12]
    return f"network-{network_id}-{nodes}"


class Session:
    """The connections of an explorer, one for each event loop it is used on.

    Args:
        options: what to open, and how to read it.
    """

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.closed = False
        # Weak: in a script each `asyncio.run` has its own loop, which nobody else should
        # keep.
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, Connection] = (
            WeakKeyDictionary()
        )
        self._calls: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()

    def check_open(self) -> None:
        """Raise `ExplorerClosed` after `close`."""
        if self.closed:
            name = self.options.network
            raise ExplorerClosed(
                f"this explorer of {self.options.found} is closed: make a new one with "
                f"Explorer({name!r})"
            )

    @asynccontextmanager
    async def call(self) -> AsyncIterator[LedgerReader]:
        """Connect for one call. An interrupted call closes the connection, if it is the only one."""
        self.check_open()
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            connection = self._connections[loop] = Connection(self.options)
        self._calls[loop] = self._calls.get(loop, 0) + 1
        try:
            yield await connection.open()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            # An interrupt may have cut a request off in the middle, so the next call connects again.
            # Other calls that are under way keep the connection.
            if self._calls[loop] == 1:
                await connection.close()
            raise
        finally:
            self._calls[loop] -= 1

    async def definitions(self) -> Definitions:
        """Those of the network."""
        async with self.call() as reader:
            return reader.pool.definitions

    async def close(self) -> None:
        """Disconnect on this loop, and refuse further calls."""
        self.closed = True
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection.close()


async def new_ledgers(
    session: Session, *, count: int | None = None, first: int | None = None, pace: float = 0.0
) -> AsyncGenerator[Ledger]:
    """New ledgers as they close.

    Args:
        session: of the explorer.
        count: how many; None: without end, or to the end of the sample.
        first: begin with this ledger; None: the newest, or the first of the sample.
        pace: the fewest seconds between two ledgers.
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
                # When the time has passed this does not wait, but other tasks still get a turn.
                await asyncio.sleep(due - loop.time())


async def old_ledgers(
    session: Session, query: LedgerQuery, *, first: int | None = None
) -> AsyncGenerator[Ledger]:
    """The ledgers of a range; from `first` on, if it is given."""
    async with session.call() as reader:
        begin, end = await reader.resolve(query)
        async with aclosing(reader.read(max(begin, first or begin), end)) as ledgers:
            async for ledger in ledgers:
                yield ledger
                # Cached ledgers come without waiting, and other tasks must run between them.
                await asyncio.sleep(0)


@asynccontextmanager
async def _followed(
    session: Session,
) -> AsyncIterator[tuple[NodePool, FetchLedger, int | None, int | None]]:
    """The pool to follow. The sample gets a new node, which closes its ledgers one by one."""
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

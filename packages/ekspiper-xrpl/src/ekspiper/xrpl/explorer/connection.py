"""The network of an explorer on one event loop: connected by its first use, owned by one task."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ekspiper.xrpl.networks import Network
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.processors.fetch_ledger import FetchLedger

from .cache import LedgerCache
from .reading import LedgerReader

__all__ = ["Connection", "ConnectionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How an explorer reads.

    Attributes:
        network: as `open_network` takes it.
        found: what that is.
        cache: the folder of all networks' caches; None: nothing is kept.
        cache_bytes: how large the cache of this one may become.
        concurrency: ledgers asked for at once.
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

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[LedgerReader] | None = None

    async def open(self) -> LedgerReader:
        """The reader; the first call connects, several at once share that.

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
            weakref.finalize(self, _let_go, loop, self._task).atexit = False
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Disconnect; closing twice is fine."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


_HOLDING: set[asyncio.Task[None]] = set()
"""Tasks that hold a network open: an event loop alone would let them be collected."""


async def _hold(options: ConnectionOptions, ready: asyncio.Future[LedgerReader]) -> None:
    try:
        async with open_network(
            options.network, connect_timeout=options.connect_timeout
        ) as network:
            ready.set_result(_reader(options, network))
            await asyncio.get_running_loop().create_future()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)
        ready.exception()  # whoever waited may be gone: an unread error would be a warning
    finally:
        ready.cancel()


def _let_go(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """Disconnect an explorer that was forgotten without being closed."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


def _reader(options: ConnectionOptions, network: OpenNetwork) -> LedgerReader:
    cache = None
    if options.cache is not None:
        folder = options.cache / _folder_name(options.found, network.pool.network_id)
        cache = LedgerCache(folder, max_bytes=options.cache_bytes)
    return LedgerReader(
        network.pool,
        FetchLedger(network.pool),
        cache=cache,
        concurrency=options.concurrency,
        progress=options.progress,
    )


def _folder_name(network: Network, network_id: int | None) -> str:
    """Named networks by their name; others by their id and their nodes, for many are number 0."""
    if network.name != "custom":
        return network.name
    nodes = sha256(" ".join(sorted(network.urls)).encode()).hexdigest()[:12]
    return f"network-{network_id}-{nodes}"

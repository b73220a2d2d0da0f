"""Reads ledgers in order: from the cache what is there, the rest from the network."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import date

from ekspiper.xrpl.client import (
    LedgerSet,
    LedgerUnavailable,
    NodePool,
    NodeUnreachable,
    RequestError,
)
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.open_network import OpenNetwork
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.ranges import BadRange
from ekspiper.xrpl.sources import LedgerRef

from .._display import Bar
from ..errors import OutOfHistory
from .ledger_cache import CachedRun, CacheRows, DamagedCache, LedgerCache
from .ledger_query import LedgerQuery, check_held, last_closed_until, parse_time, resolve

__all__ = ["LedgerReader"]

log = logging.getLogger("ekspiper.xrpl.explorer")

# A file of the cache: large enough that a day of ledgers is not thousands of files, small enough
# that what an interrupted call has read so far is soon on disk.
_FILE_LEDGERS = 64
_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_FILE_BYTES = 8 * 1024 * 1024


class LedgerReader:
    """Gives every ledger of a range, proven and in order, with few of them in memory.

    Args:
        pool: open nodes.
        fetch: proves what they give.
        cache: where proven ledgers are kept; None: nowhere.
        concurrency: how many ledgers are requested at the same time.
        progress: whether bars are shown.
    """

    def __init__(
        self,
        pool: NodePool,
        fetch: FetchLedger,
        *,
        cache: LedgerCache | None,
        concurrency: int,
        progress: bool,
    ) -> None:
        self.pool = pool
        self.network: OpenNetwork | None = None
        """What the pool reads, where its maker knows it."""
        self.progress = progress
        self._fetch = fetch
        self._cache = cache
        self._concurrency = concurrency

    async def read(self, first: int, last: int) -> AsyncGenerator[Ledger]:
        """The ledgers from `first` to `last`, both included.

        Raises:
            LedgerUnavailable, VerificationError: see `FetchLedger`.
        """
        begin = first
        for run in await self._usable_runs(first, last):
            if begin < run.first:
                # Closed as soon as the reader is: a generator that is dropped would leave its
                # requests open.
                async with aclosing(self._from_network(begin, run.first - 1)) as ledgers:
                    async for ledger in ledgers:
                        yield ledger
            cached = deque(await self._from_cache(run))
            while cached:  # what was yielded is let go, with all that is decoded of it by then
                yield cached.popleft()
            begin = run.last + 1
        if begin <= last:
            async with aclosing(self._from_network(begin, last)) as ledgers:
                async for ledger in ledgers:
                    yield ledger

    async def _usable_runs(self, first: int, last: int) -> list[CachedRun]:
        """What is cached, unless the network has other ledgers there: a test network was reset."""
        if self._cache is None:
            return []
        usable = []
        for run in await asyncio.to_thread(self._cache.runs, first, last):
            if await self._is_contradicted(run):
                self._cache.forget(run)
            else:
                usable.append(run)
        return usable

    async def _is_contradicted(self, run: CachedRun) -> bool:
        try:
            # One request for a whole file: its last hash decides over all before it.
            result = await self.pool.request({"command": "ledger", "ledger_index": run.file_last})
        except (LedgerUnavailable, RequestError):
            # A node without that history cannot contradict it.
            return False
        return not str(result.get("ledger_hash", "")).upper().startswith(run.anchor)

    async def _from_cache(self, run: CachedRun) -> list[Ledger]:
        assert self._cache is not None, "runs come from a cache"
        try:
            return await asyncio.to_thread(self._cache.read, run, network_id=self.pool.network_id)
        except DamagedCache:
            self._cache.forget(run)
            async with aclosing(self._from_network(run.first, run.last)) as ledgers:
                return [ledger async for ledger in ledgers]

    async def _from_network(self, first: int, last: int) -> AsyncGenerator[Ledger]:
        waiting: deque[asyncio.Task[Ledger]] = deque()
        unsaved = CacheRows()
        indexes = iter(range(first, last + 1))
        try:
            self._ask(waiting, indexes)
            while waiting:
                # Taken out only when it is there: a cancelled wait leaves it for `finally`.
                ledger = await waiting[0]
                waiting.popleft()
                self._ask(waiting, indexes)
                if self._cache is not None:
                    unsaved.add(ledger)
                # While it is read, so that a call that is interrupted leaves what it has read.
                if len(unsaved) == _FILE_LEDGERS or unsaved.size > _FILE_BYTES:
                    await self._save(unsaved)
                    unsaved = CacheRows()
                yield ledger
            await self._save(unsaved)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _ask(self, waiting: deque[asyncio.Task[Ledger]], indexes: Iterable[int]) -> None:
        for index in indexes:
            # What the stream said of a ledger that has just closed spares the question for its
            # hash.
            closed = self.pool.closed_ledger(index) or {}
            ref = LedgerRef(index, closed.get("ledger_hash"), closed.get("ledger_time"))
            waiting.append(asyncio.create_task(self._fetch.fetch(ref)))
            if len(waiting) >= self._concurrency:
                return

    async def _save(self, ledgers: CacheRows) -> None:
        if self._cache is None or not len(ledgers):
            return
        try:
            await asyncio.to_thread(self._cache.write, ledgers)
        except OSError as error:
            log.warning(
                "ledgers cannot be cached in %s: %s; choose another folder with "
                "Explorer(cache=...), or turn the cache off with cache=False",
                self._cache.folder,
                error.strerror or error,
            )
            # Said once: a full disk would otherwise be a warning for each file.
            self._cache = None

    async def resolve(self, query: LedgerQuery) -> tuple[int, int]:
        """The first and last ledger that were asked for, all of them held by the nodes.

        Raises:
            OutOfHistory, BadRange: see `resolve`.
        """
        return await resolve(query, await self._held(), self._close_time)

    async def index_of(self, which: int | str | date | None) -> int:
        """The ledger of that index, the one valid at that time, or the newest.

        Raises:
            OutOfHistory: it is in the future, or before the history of the nodes.
            BadRange: this is not an index or a time.
        """
        held = await self._held()
        if not held:
            raise OutOfHistory("the nodes hold no ledger yet: try again when they are in sync")
        if which is None:
            return held.last
        if isinstance(which, str) and which.isdigit():
            which = int(which)
        if isinstance(which, bool):
            raise BadRange(f"{which} is not a ledger: give its index, its hash, or a time")
        if not isinstance(which, int):
            return await last_closed_until(parse_time(which), held, self._close_time)
        check_held(which, which, held)
        return which

    async def named(self, which: int | str | date | None) -> Ledger:
        """The proven ledger of that index or hash, the one valid at that time, or the newest.

        Raises:
            OutOfHistory: it is in the future, before the history of the nodes, or unknown to them.
            BadRange: this is not an index, a hash or a time.
        """
        if not isinstance(which, str) or _HASH.fullmatch(which) is None:
            return await self.one(await self.index_of(which))
        request = {"command": "ledger", "ledger_hash": which.upper()}
        try:
            asked = await self.pool.request(request)
        except NodeUnreachable as error:
            raise OutOfHistory(
                f"no ledger with the hash {which}: {error}; "
                "give its index, or a node with more history"
            ) from None
        # Through its index, so that it is proven and cached as any other; then its hash must be
        # the one.
        ledger = await self.one(int(asked["ledger_index"]))
        if ledger.ledger_hash != which.upper():
            raise OutOfHistory(
                f"ledger {which} is not in the history that was validated: "
                f"there, ledger {ledger.ledger_index} is {ledger.ledger_hash}"
            )
        return ledger

    async def one(self, index: int) -> Ledger:
        """One proven ledger."""
        async with aclosing(self.read(index, index)) as ledgers:
            return await anext(ledgers)

    async def shown(self, first: int, last: int) -> AsyncGenerator[Ledger]:
        """The ledgers from `first` to `last`, with a bar. Other tasks may run in between."""
        with Bar("ledgers", total=last - first + 1, shown=self.progress) as bar:
            async with aclosing(self.read(first, last)) as ledgers:
                async for ledger in ledgers:
                    yield ledger
                    bar.add()
                    # Cached ledgers come without a wait, and would hold up a notebook's other work.
                    await asyncio.sleep(0)

    async def prove(self, ref: LedgerRef) -> Ledger:
        """A ledger that has just closed."""
        return await self._fetch.fetch(ref)

    async def _close_time(self, index: int) -> int:
        """When a ledger closed, in seconds of the ledger's epoch, as a node says."""
        request = {"command": "ledger", "ledger_index": index}
        return int((await self.pool.request(request))["ledger"]["close_time"])

    async def _held(self) -> LedgerSet:
        # Asked each time: ledgers close every few seconds, and "-100:" means the newest.
        await self.pool.refresh()
        return self.pool.ledgers

"""Every object of the state at one ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any

from ekspiper.core import ConfigError, Permanent, Source
from ekspiper.xrpl.client import LedgerUnavailable, NodePool, RequestError

from ._state_shards import Shard, cut_page, shards_for
from .object_page import ObjectPage

__all__ = ["BadPage", "LedgerObjects"]

# The most that servers give in one answer, in binary.
_PAGE = 2048
# With three nodes each is asked at least twice; the pauses between add up to two and a half seconds.
_ATTEMPTS = 8
_PAUSE = 0.02
_DONE = "done"
# A server may have dropped what it kept for paging, and takes the same key when asked again.
_BAD_MARKER = frozenset({"invalidParams", "markerDoesNotExist"})


class BadPage(Permanent):
    """No node gave a usable page; says what was wrong with what they gave."""


class LedgerObjects(Source[ObjectPage]):
    """The state of one ledger in pages of up to 2048 objects, in binary.

    The keys are split by prefix and the shards read side by side. rippled takes any key as a
    marker; Clio only real ones, so there each shard begins at the nearest real key before it,
    known from the ledger's own metadata. Going on always uses the last key that was served, never
    a server's marker, which would belong to that server and expire.

    The position is `{"ledger_index": L, "shards": {prefix: last key, or "done"}}`.

    Args:
        pool: open nodes.
        ledger: the ledger's index; None: the newest when the source is opened.
        types: ledger entry types, such as `["Offer", "AMM"]`, that `ObjectPage.wanted` gives;
            None: all. The pages hold every object, so that the state can be proven.
        parallel: shards read at once; 1 reads the state in one piece, from the first key on.
        prefix: read this shard only: all objects whose indexes begin with these hex digits.
        avoid: nodes, as `Answer.node` names them, to ask only when no other can answer.
    """

    def __init__(
        self,
        pool: NodePool,
        ledger: int | None = None,
        *,
        types: Sequence[str] | None = None,
        parallel: int = 8,
        prefix: str | None = None,
        avoid: Collection[str] = (),
    ) -> None:
        if parallel < 1:
            raise ConfigError(f"parallel must be at least 1, not {parallel}")
        self._pool = pool
        self._ledger = ledger
        self._parallel = parallel
        self._types = _type_codes(types, pool.definitions.ledger_entry_types)
        self._names = sorted(set(types or ()))
        self._avoid = tuple(avoid)
        self._shards = shards_for(parallel) if prefix is None else (Shard(prefix),)
        self._at: dict[str, str] = {}
        self._hash: str | None = None
        self._known: list[str] | None = None

    async def open(self) -> None:
        """Fix which ledger is read.

        Raises:
            LedgerUnavailable: the newest is wanted, and no node has any.
        """
        if self._ledger is None:
            await self._pool.refresh()
            self._ledger = self._pool.newest_ledger or None
            if self._ledger is None:
                raise LedgerUnavailable(
                    "no node has any ledger yet; try again later", ledger_index=0
                )

    def expect(self, ledger_hash: str) -> None:
        """Take pages of the ledger with this hash only; without, the first page says which it is."""
        self._hash = ledger_hash

    @property
    def ledger_index(self) -> int:
        """The ledger that is read; known once opened."""
        if self._ledger is None:
            raise ConfigError("the ledger is not known before the source is opened")
        return self._ledger

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes of all shards."""
        return tuple(shard.prefix for shard in self._shards)

    @property
    def position(self) -> dict[str, Any]:
        """How far each shard was read."""
        return {"ledger_index": self._ledger, "shards": dict(self._at)}

    @property
    def identity(self) -> str:
        """The network, and the types where not all are wanted."""
        only = f", only {', '.join(self._names)}" if self._names else ""
        return f"state of xrpl network {self._pool.network_id}{only}"

    async def resume(self, position: Any) -> None:
        """Go on with the same ledger, each shard after its last key, split as it was."""
        self._ledger = int(position["ledger_index"])
        self._at = dict(position["shards"])
        # The checkpoint's split counts, whatever `parallel` is now: its keys are those of its
        # shards.
        digits = len(next(iter(self._at), self._shards[0].prefix))
        self._shards = shards_for(16**digits)

    def __aiter__(self) -> AsyncGenerator[ObjectPage]:
        """The pages that are left."""
        return self._pages()

    async def _pages(self) -> AsyncGenerator[ObjectPage]:
        await self.open()
        left = [shard for shard in self._shards if self._at.get(shard.prefix) != _DONE]
        pages: asyncio.Queue[ObjectPage | None] = asyncio.Queue()
        # One page may wait for each reader: memory is bounded however large the state is.
        room = asyncio.Semaphore(self._parallel)
        # One iterator for all readers: each takes the next shard when it has finished one.
        shards = iter(left)

        async def read() -> None:
            for shard in shards:
                async for page in self._read(shard):
                    await room.acquire()
                    pages.put_nowait(page)

        readers = [asyncio.create_task(read()) for _ in range(self._parallel)]
        work = asyncio.gather(*readers)
        work.add_done_callback(lambda _: pages.put_nowait(None))
        try:
            while (page := await pages.get()) is not None:
                room.release()
                self._note(page)
                yield page
            await work
        finally:
            # When one of them fails, the gathering is over and the others are not.
            for reader in readers:
                reader.cancel()
            await asyncio.gather(work, *readers, return_exceptions=True)

    def _note(self, page: ObjectPage) -> None:
        if page.last:
            self._at[page.prefix] = _DONE
        elif page.objects:
            self._at[page.prefix] = page.objects[-1][0]

    async def _read(self, shard: Shard) -> AsyncGenerator[ObjectPage]:
        after = self._at.get(shard.prefix) or await self._start(shard)
        over = False
        while not over:
            objects, ledger_hash, is_end = await self._page(after)
            kept, beyond = cut_page(shard, objects)
            over = is_end or beyond
            if objects:
                after = objects[-1][0]
            # A page before the shard's first key has nothing for it; an empty last page still ends
            # it.
            if kept or over:
                yield ObjectPage(
                    self.ledger_index, ledger_hash, shard.prefix, kept, over, self._types
                )

    async def _start(self, shard: Shard) -> str | None:
        """The marker with which a shard begins."""
        # The pool may send any page to any node, so one Clio among them is enough to need real
        # keys.
        if any(node.kind == "clio" for node in self._pool.nodes()):
            return shard.real_start(await self._known_keys())
        return shard.before_first()

    async def _known_keys(self) -> list[str]:
        """Keys that are in this ledger for certain: what its transactions left changed."""
        if self._known is None:
            request = {
                "command": "ledger",
                "ledger_index": self.ledger_index,
                "transactions": True,
                "expand": True,
            }
            result = await self._pool.request(request)
            self._known = sorted(_surviving_keys(result["ledger"].get("transactions", [])))
        return self._known

    async def _page(self, after: str | None) -> tuple[list[tuple[str, str]], str, bool]:
        """Objects after a key, the ledger's hash, and whether the state ends with them."""
        request: dict[str, Any] = {
            "command": "ledger_data",
            "ledger_index": self.ledger_index,
            "binary": True,
            "limit": _PAGE,
        }
        if after is not None:
            request["marker"] = after
        wrong: dict[str, str] = {}
        for attempt in range(_ATTEMPTS):
            try:
                answer = await self._pool.ask(request, avoid=(*self._avoid, *wrong))
            except RequestError as error:
                if error.error not in _BAD_MARKER:
                    raise
                # Another node may still take the key.
                node, why = error.node, str(error)
            else:
                node, fault = answer.node, self._fault(answer.result, after)
                if fault is None:
                    objects = [(item["index"], item["data"]) for item in answer.result["state"]]
                    return objects, answer.result["ledger_hash"], "marker" not in answer.result
                why = fault
            if node in wrong:  # nobody else could answer: it may be able to in a moment
                await asyncio.sleep(_PAUSE * 2**attempt)
            wrong[node] = why
        said = "; ".join(f"{node}: {why}" for node, why in wrong.items())
        raise BadPage(f"no usable page of ledger {self.ledger_index} after {after}: {said}")

    def _fault(self, result: dict[str, Any], after: str | None) -> str | None:
        """What is wrong with a page; None when it can be used."""
        if result.get("validated") is not True:
            return "not validated"
        if int(result.get("ledger_index", 0)) != self.ledger_index:
            return f"it is of ledger {result.get('ledger_index')}"
        # Servers have answered with another ledger than the one asked for; within one state all pages
        # must be of one ledger.
        self._hash = self._hash or result["ledger_hash"]
        if result["ledger_hash"] != self._hash:
            return f"it is of the ledger {result['ledger_hash']}, not of {self._hash}"
        state = result.get("state")
        if not isinstance(state, list):
            return "it has no state"
        before = after or ""
        for item in state:
            key = item.get("index", "")
            # A page that ignores the marker would be read again and again.
            if key <= before:
                return f"its keys do not rise after {before or 'the start'}"
            before = key
        return (
            "it is empty, and says that more follows" if not state and "marker" in result else None
        )


def _surviving_keys(transactions: Sequence[dict[str, Any]]) -> set[str]:
    made: set[str] = set()
    gone: set[str] = set()
    for transaction in transactions:
        meta = transaction.get("meta") or transaction.get("metaData") or {}
        for wrapped in meta.get("AffectedNodes", []):
            for change, node in wrapped.items():
                (gone if change == "DeletedNode" else made).add(node["LedgerIndex"])
    # A key may be made and deleted within one ledger, by different transactions.
    return made - gone


def _type_codes(types: Sequence[str] | None, known: Mapping[str, int]) -> frozenset[str] | None:
    if not types:
        return None
    unknown = [name for name in types if name not in known]
    if unknown:
        listed = ", ".join(sorted(name for name, code in known.items() if code >= 0))
        raise ConfigError(f"no ledger entry type is called {unknown[0]!r}; known: {listed}")
    return frozenset(f"{known[name]:04X}" for name in types)

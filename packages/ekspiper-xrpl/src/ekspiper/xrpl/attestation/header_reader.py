"""Reads the headers of past ledgers from nodes, chained to a ledger whose hash is proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ekspiper.core import Permanent, Retryable, in_thread
from ekspiper.xrpl.trust import HeaderChain, TrustError

__all__ = ["HeaderPool", "HeaderReader", "ProvenHeader", "read_headers"]

_AT_ONCE = 512  # the pool sends no more to a node than the node takes
# Nodes asked for a header that fits, before the ledger is tried again as a whole.
_TRIES = 5
_SIZE = 118


class HeaderPool(Protocol):
    """What is needed of a pool of nodes."""

    async def ask(self, request: Any, *, avoid: Collection[str] = ...) -> Any:
        """Send a request; the answer has `result` and `node`."""

    def report_lie(self, node: str, why: str) -> None:
        """A node gave something that is proven wrong."""


class ProvenHeader(NamedTuple):
    """A header whose hash is proven: its 118 bytes."""

    ledger_index: int
    ledger_hash: bytes
    data: bytes


class HeaderReader:
    """Asks for many headers at once, and checks each against the one after it.

    Args:
        pool: open nodes.
        cache: a file that keeps headers between runs. It need not be trusted: what is in it is
            checked like the answer of a node.
    """

    def __init__(self, pool: HeaderPool, *, cache: Path | None = None) -> None:
        self._pool = pool
        self._cache = cache
        self._held = read_headers(cache) if cache is not None else {}

    async def walk(self, top: int, top_hash: bytes, bottom: int) -> AsyncIterator[ProvenHeader]:
        """The headers from a ledger whose hash is proven down to another, newest first.

        Raises:
            Retryable: no node serves a header that fits; says which.
        """
        chain = HeaderChain(top, top_hash)
        for first in range(top, bottom - 1, -_AT_ONCE):
            indexes = range(first, max(bottom, first - _AT_ONCE + 1) - 1, -1)
            answers = await asyncio.gather(*(self._header(index) for index in indexes))
            fresh: list[bytes] = []
            for index, (data, node) in zip(indexes, answers, strict=True):
                proven, is_new = await self._fit(chain, index, data, node)
                if is_new:
                    fresh.append(proven.data)
                yield proven
            # After each stretch, so that a walk of hours that is interrupted continues where it
            # stopped.
            await self._keep(fresh)

    async def _fit(
        self, chain: HeaderChain, index: int, data: bytes, node: str
    ) -> tuple[ProvenHeader, bool]:
        """The header that fits the chain, asked for again from other nodes until one does."""
        wrong: dict[str, str] = {}
        for attempt in range(_TRIES):
            try:
                proven = ProvenHeader(index, chain.add(data), data)
            except TrustError as error:
                wrong[node] = str(error)
                self._held.pop(index, None)
                if attempt:
                    await asyncio.sleep(0.1 * attempt)
                data, node = await self._header(index, avoid=[each for each in wrong if each])
            else:
                # A node that was wrong at first and then right was not up to date.
                self._report({liar: why for liar, why in wrong.items() if liar != node})
                return proven, bool(node)
        self._report(wrong)
        raise Retryable(
            f"no node serves the header of ledger {index} that the validators signed: "
            + "; ".join(f"{liar or 'the cache'}: {why}" for liar, why in wrong.items())
        )

    def _report(self, wrong: Mapping[str, str]) -> None:
        for liar, why in wrong.items():
            if liar:  # otherwise it was the cache
                self._pool.report_lie(liar, why)

    async def _header(self, index: int, *, avoid: Collection[str] = ()) -> tuple[bytes, str]:
        """The bytes of a header, and the node that gave it; no node where it was cached."""
        held = self._held.get(index)
        if held is not None:
            return held, ""
        request = {"command": "ledger", "ledger_index": index, "binary": True, "api_version": 2}
        answer = await self._pool.ask(request, avoid=avoid)
        try:
            return bytes.fromhex(answer.result["ledger"]["ledger_data"]), answer.node
        except (KeyError, TypeError, ValueError):
            return b"", answer.node

    async def _keep(self, headers: list[bytes]) -> None:
        if self._cache is None or not headers:
            return
        await in_thread(_append, self._cache, b"".join(headers))

    async def one(self, index: int, ledger_hash: bytes) -> ProvenHeader:
        """The header of one ledger whose hash is proven.

        Raises:
            Retryable: no node serves it.
        """
        async for header in self.walk(index, ledger_hash, index):
            return header
        raise Permanent(f"no header of ledger {index}")


def read_headers(path: Path) -> dict[int, bytes]:
    """The headers in a file, by ledger; nothing where the file is missing."""
    if not path.exists():
        return {}
    data = path.read_bytes()
    return {
        int.from_bytes(data[at : at + 4]): data[at : at + _SIZE]
        for at in range(0, len(data) - _SIZE + 1, _SIZE)
    }


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        # A crash may have left part of a header, and the next must begin at a whole one.
        file.truncate(file.tell() // _SIZE * _SIZE)
        file.write(data)

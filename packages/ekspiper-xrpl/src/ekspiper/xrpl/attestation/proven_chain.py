"""The hashes of ledgers that are proven, and headers read on demand to prove the ones before."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right, insort
from typing import NamedTuple, Protocol

from ekspiper.xrpl.trust import NotProven, read_header

from .header_reader import HeaderReader

__all__ = ["ProvenChain", "ProvenHash", "Prover"]


log = logging.getLogger("ekspiper.xrpl.attestation")

_MANY = 2000


class ProvenHash(NamedTuple):
    """The hash of a ledger, and the ledger whose quorum proves it: itself or a later one."""

    ledger_index: int
    ledger_hash: bytes
    signed_by: int


class Prover(Protocol):
    """Proves hashes of ledgers."""

    async def proven(self, ledger_index: int) -> ProvenHash:
        """The hash of a ledger that is proven."""


class ProvenChain:
    """Ledgers that are known to be proven, and how to get from them to earlier ones.

    Args:
        headers: reads the headers in between.
    """

    def __init__(self, headers: HeaderReader) -> None:
        self.headers = headers
        self._proven: dict[int, ProvenHash] = {}
        self._anchors: list[int] = []  # those that were noted; the others follow from them
        self._walking = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._proven)

    def note(self, proven: ProvenHash) -> None:
        """Take a ledger that is proven in itself.

        Raises:
            NotProven: another ledger of the same index is proven already.
        """
        index = proven.ledger_index
        known = self._proven.get(index)
        if known is not None and known.ledger_hash != proven.ledger_hash:
            raise NotProven(
                f"two different ledgers {index} are signed: {known.ledger_hash.hex().upper()} and "
                f"{proven.ledger_hash.hex().upper()}; this list of validators cannot be trusted"
            )
        if known is None or known.signed_by != index:
            self._proven[index] = proven
            place = bisect_right(self._anchors, index)
            if not place or self._anchors[place - 1] != index:
                insort(self._anchors, index)

    def get(self, ledger_index: int) -> ProvenHash | None:
        """The ledger, when it is proven."""
        return self._proven.get(ledger_index)

    def after(self, ledger_index: int) -> ProvenHash | None:
        """The next later ledger that is proven, if there is one."""
        following = self._proven.get(ledger_index + 1)
        if following is not None:
            return following
        place = bisect_right(self._anchors, ledger_index)
        return self._proven[self._anchors[place]] if place < len(self._anchors) else None

    async def walk_down(self, ledger_index: int) -> ProvenHash | None:
        """Prove a ledger by the headers of those after it; None when no later one is proven.

        Raises:
            Retryable: no node serves a header that fits.
        """
        async with self._walking:  # a second reader finds what the first has proven
            top = self.after(ledger_index)
            if top is not None and ledger_index not in self._proven:
                count = top.ledger_index - ledger_index
                if count >= _MANY:
                    log.info(
                        "reading %d headers, from ledger %d, which is signed, down to %d",
                        count,
                        top.ledger_index,
                        ledger_index,
                    )
                walk = self.headers.walk(top.ledger_index, top.ledger_hash, ledger_index + 1)
                async for header in walk:
                    index = header.ledger_index - 1
                    parent = read_header(header.data).parent_hash
                    self._proven.setdefault(index, ProvenHash(index, parent, top.signed_by))
        return self._proven.get(ledger_index)

    def forget_before(self, ledger_index: int) -> None:
        """Drop ledgers that nobody asks for any more."""
        for index in [index for index in self._proven if index < ledger_index]:
            del self._proven[index]
        self._anchors = [index for index in self._anchors if index >= ledger_index]

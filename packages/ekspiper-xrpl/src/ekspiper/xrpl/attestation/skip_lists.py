"""Keeps the skip lists of a signed ledger, by which any earlier ledger can be proven."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable

from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.trust import Node, NotProven, SkipList, StatePruner, root_hash

__all__ = ["SkipLists"]

# Ledgers whose hashes one object of the state holds: 256 hashes, each of a 256th ledger.
_STRETCH = 65_536


class SkipLists:
    """Takes the whole state of a ledger, and keeps its `LedgerHashes` objects.

    Args:
        header: of the ledger, whose hash is proven.
        digits: how many digits the parts of the state have that come side by side.
    """

    def __init__(self, header: LedgerHeader, *, digits: int = 2) -> None:
        self._header = header
        stretches = range(0, header.ledger_index + 1, _STRETCH)
        wanted = [SkipList.short_index(), *map(SkipList.long_index, stretches)]
        self._pruner = StatePruner(wanted, digits=digits)
        self.objects = 0
        """How many objects have passed."""

    def add(self, objects: Iterable[tuple[bytes, bytes]]) -> None:
        """Take objects: index and bytes of each, in the order of their indexes."""
        for index, data in objects:
            self._pruner.add(index, data)
            self.objects += 1

    async def add_pages(
        self, pages: AsyncIterable[object], *, seen: Callable[[int], None] = lambda count: None
    ) -> None:
        """Take the pages of `LedgerObjects`; `seen` is called with how many objects have passed."""
        async for page in pages:
            rows: Iterable[tuple[str, str]] = page.objects  # type: ignore[attr-defined]
            self.add((bytes.fromhex(index), bytes.fromhex(data)) for index, data in rows)
            seen(self.objects)

    def tree(self) -> Node:
        """The state with everything cut away but the skip lists.

        Raises:
            NotProven: the objects are not the state that the header names.
        """
        tree = self._pruner.tree()
        found, wanted = root_hash(tree, "state"), self._header.account_hash
        if found != wanted:
            raise NotProven(
                f"the {self.objects:,} objects of ledger {self._header.ledger_index} hash to "
                f"{found.hex().upper()}, its header says {wanted.hex().upper()}: a node gave a "
                "false state, so ask another one"
            )
        return tree

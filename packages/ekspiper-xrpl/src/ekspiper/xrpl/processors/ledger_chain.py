"""What is known of ledgers next to one another: each names its parent by hash."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["LedgerChain", "LedgerLink"]


class LedgerLink(NamedTuple):
    """A ledger's place in the chain. Hashes are upper-case hex."""

    ledger_index: int
    ledger_hash: str
    parent_hash: str


class LedgerChain:
    """The hashes of the ledgers seen last, to hold a new one against its neighbours.

    Args:
        known: ledgers from before, which are never forgotten: what fills a gap must fit both ends.
        memory: how many others are remembered.
    """

    def __init__(self, known: Iterable[LedgerLink] = (), *, memory: int = 4096) -> None:
        self._memory = memory
        self._known = {link.ledger_index: link for link in known}
        self._links: OrderedDict[int, LedgerLink] = OrderedDict()

    def add(self, link: LedgerLink) -> None:
        """Remember a proven ledger."""
        self._links[link.ledger_index] = link
        # By age and not by index: a backfill may read backwards.
        while len(self._links) > self._memory:
            self._links.popitem(last=False)

    def parent_hash(self, ledger_index: int) -> str | None:
        """The hash of the ledger before this one."""
        link = self._at(ledger_index - 1)
        return link.ledger_hash if link else None

    def ledger_hash(self, ledger_index: int) -> str | None:
        """What this ledger must hash to, as the one after it says."""
        link = self._at(ledger_index + 1)
        return link.parent_hash if link else None

    def _at(self, ledger_index: int) -> LedgerLink | None:
        # What was proven in this run comes first; the rest was read from the folder.
        return self._links.get(ledger_index) or self._known.get(ledger_index)

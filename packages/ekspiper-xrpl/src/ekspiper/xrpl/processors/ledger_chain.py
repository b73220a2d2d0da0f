"""What is known of ledgers next to one another: each names its parent by hash."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["LedgerChain"]


class LedgerChain:
    """The hashes of the ledgers seen last, to hold a new one against its neighbours.

    Args:
        memory: how many ledgers are remembered.
    """

    def __init__(self, *, memory: int = 4096) -> None:
        self._memory = memory
        self._links: OrderedDict[int, tuple[str, str]] = OrderedDict()

    def add(self, ledger_index: int, ledger_hash: str, parent_hash: str) -> None:
        """Remember a proven ledger."""
        self._links[ledger_index] = (ledger_hash, parent_hash)
        while len(self._links) > self._memory:
            self._links.popitem(last=False)

    def parent_hash(self, ledger_index: int) -> str | None:
        """The hash of the ledger before this one."""
        link = self._links.get(ledger_index - 1)
        return link[0] if link else None

    def ledger_hash(self, ledger_index: int) -> str | None:
        """What this ledger must hash to, as the one after it says."""
        link = self._links.get(ledger_index + 1)
        return link[1] if link else None

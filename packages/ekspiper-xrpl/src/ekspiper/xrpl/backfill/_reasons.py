"""Remembers why ledgers are missing, on their way to the dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ekspiper.core import Collector
from ekspiper.xrpl.client import LedgerSet

__all__ = ["Reasons", "by_reason"]


class Reasons(Collector[dict[str, Any]]):
    """Passes dead letters on, and keeps the reason of the first one of each ledger.

    Args:
        letters: where they go.
    """

    def __init__(self, letters: Collector[Any]) -> None:
        self._letters = letters
        self._reasons: dict[int, str] = {}
        self.count = 0

    @property
    def ledgers(self) -> list[int]:
        """The ledgers that have dead letters."""
        return sorted(self._reasons)

    def of(self, ledger_index: int) -> str:
        """Why that ledger is missing."""
        return self._reasons.get(ledger_index, "not fetched: the backfill was stopped before")

    async def open(self) -> None:
        """Open the collector behind."""
        await self._letters.open()

    async def close(self) -> None:
        """Close the collector behind."""
        await self._letters.close()

    async def collect(self, batch: Sequence[dict[str, Any]]) -> None:
        """Keep the letters."""
        await self._letters.collect(batch)
        self.count += len(batch)
        for letter in batch:
            # The first letter tells the cause; those of later steps are often its consequences.
            self._reasons.setdefault(letter["position"], letter["message"])


def by_reason(failed: dict[int, str]) -> dict[str, LedgerSet]:
    """Ledgers that are missing for the same reason, which names each of them as `it`."""
    found: dict[str, list[int]] = {}
    for index, reason in failed.items():
        # The index is in each message, and would make every reason the only one of its kind.
        found.setdefault(reason.replace(f"ledger {index}", "it", 1), []).append(index)
    return {reason: LedgerSet.of((i, i) for i in indexes) for reason, indexes in found.items()}

"""Ledgers of given ranges, for a backfill."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from ekspiper.core import ConfigError, Source
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.ranges import RangeSpec, parse_range, resolve_ranges

from .ledger_ref import LedgerRef

__all__ = ["LedgerRange"]


class LedgerRange(Source[LedgerRef]):
    """Every ledger of one or more ranges, each once, in order.

    Ranges that overlap are united. Ledgers that no node holds are yielded too: fetching
    them reports it, and nothing is skipped in silence.

    Args:
        pool: open nodes.
        ranges: `"3:302"`, `"3:+300"`, `"-100:"`, a pair of first and last, or several of them.
        backwards: from the last ledger to the first.
        skip: ledgers to leave out, for example because they were fetched before.
    """

    def __init__(
        self,
        pool: NodePool,
        ranges: str | tuple[int, int] | Sequence[str | tuple[int, int]],
        *,
        backwards: bool = False,
        skip: LedgerSet | None = None,
    ) -> None:
        self._specs = [_spec(each) for each in _listed(ranges)]
        if not self._specs:
            raise ConfigError("a backfill needs at least one range of ledgers, for example 3:302")
        self._texts = [spec.text for spec in self._specs]
        self._pool = pool
        self._backwards = backwards
        self._skip = skip or LedgerSet()
        self._ledgers: LedgerSet | None = None
        self._after: int | None = None
        self._position: int | None = None

    async def open(self) -> None:
        """Find out which ledgers `-COUNT:` and `FIRST:` are."""
        newest = None
        if not all(spec.is_absolute for spec in self._specs):
            await self._pool.refresh()
            newest = self._pool.newest_ledger
        self._texts = [spec.text_at(newest) for spec in self._specs]
        wanted = resolve_ranges(self._specs, newest)
        self._ledgers = wanted.without(self._skip)

    @property
    def ledgers(self) -> LedgerSet:
        """What will be read, less what is skipped; known once opened."""
        if self._ledgers is None:
            raise ConfigError("the range is not known before the source is opened")
        return self._ledgers

    @property
    def position(self) -> int | None:
        """The index of the ledger yielded last."""
        return self._position

    @property
    def identity(self) -> str:
        """The network, the ranges, and the direction.

        `-100:` is not the same tomorrow, and a position in today's ledgers would leave some out.
        So, once the source is open, its ranges are named by their ledgers.
        """
        ranges = ",".join(self._texts)
        backwards = " backwards" if self._backwards else ""
        return f"xrpl network {self._pool.network_id}, ledgers {ranges}{backwards}"

    async def resume(self, position: Any) -> None:
        """Go on with the ledger after `position`; backwards, with the one before it."""
        self._after = int(position)

    def __aiter__(self) -> AsyncGenerator[LedgerRef]:
        """The ledgers that are left."""
        return self._refs()

    async def _refs(self) -> AsyncGenerator[LedgerRef]:
        # The runner opens sources; a notebook may not.
        if self._ledgers is None:
            await self.open()
        ranges = [range(first, last + 1) for first, last in self.ledgers.ranges]
        if self._backwards:
            ranges = [span[::-1] for span in reversed(ranges)]
        for span in ranges:
            for index in span:
                if self._is_left(index):
                    self._position = index
                    # Known for the newest ledgers only, whose closing the pool has heard.
                    closed = self._pool.closed_ledger(index) or {}
                    yield LedgerRef(index, closed.get("ledger_hash"), closed.get("ledger_time"))

    def _is_left(self, index: int) -> bool:
        if self._after is None:
            return True
        return index < self._after if self._backwards else index > self._after


def _listed(ranges: Any) -> Iterable[str | tuple[int, int]]:
    """One range, or several, as several."""
    # `(3, 302)` is one range, and `("3:10", "20:30")` are two.
    is_pair = isinstance(ranges, tuple) and len(ranges) == 2 and type(ranges[0]) is int
    return [ranges] if is_pair or isinstance(ranges, str) else ranges


def _spec(given: str | tuple[int, int]) -> RangeSpec:
    return parse_range(given if isinstance(given, str) else f"{given[0]}:{given[1]}")

"""Finds ledgers by the time they closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from ekspiper.xrpl.client.ledger_set import LedgerSet
from ekspiper.xrpl.codec import RIPPLE_EPOCH

from .errors import OutOfHistory

__all__ = ["CloseTime", "first_closed_since", "last_closed_until", "moment_text"]

CloseTime = Callable[[int], Awaitable[int]]
"""When a ledger closed, in seconds of the ledger's epoch."""


async def first_closed_since(moment: datetime, held: LedgerSet, close_time: CloseTime) -> int:
    """The first ledger of `held` that closed at `moment` or later.

    Raises:
        OutOfHistory: every one closed before it, or `held` begins only after it.
    """
    count = await _closed_before(moment, held, close_time)
    if count == len(held):
        raise OutOfHistory(
            f"{moment_text(moment)} is after the newest ledger, {await _named(held.last, close_time)}"
            "; ask for -100:, or wait for new ones with follow()"
        )
    if count == 0:
        await _refuse_earlier(moment, held, close_time)
    return _nth(held, count)


async def last_closed_until(moment: datetime, held: LedgerSet, close_time: CloseTime) -> int:
    """The last ledger of `held` that closed at `moment` or earlier: the one valid at that time.

    Raises:
        OutOfHistory: every one closed after it.
    """
    count = await _closed_before(moment, held, close_time, included=True)
    if count == 0:
        await _refuse_earlier(moment, held, close_time)
        return held.first
    return _nth(held, count - 1)


def moment_text(moment: datetime) -> str:
    """A time as messages show it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


async def _closed_before(
    moment: datetime, held: LedgerSet, close_time: CloseTime, *, included: bool = False
) -> int:
    """How many of `held` closed before the time, found by halving: close times never fall."""
    bound = moment.timestamp() - RIPPLE_EPOCH
    low, high = 0, len(held)
    while low < high:
        middle = (low + high) // 2
        closed = await close_time(_nth(held, middle))
        if closed < bound or (included and closed == bound):
            low = middle + 1
        else:
            high = middle
    return low


def _nth(held: LedgerSet, place: int) -> int:
    for first, last in held.ranges:
        size = last - first + 1
        if place < size:
            return first + place
        place -= size
    raise IndexError(place)


async def _refuse_earlier(moment: datetime, held: LedgerSet, close_time: CloseTime) -> None:
    if await close_time(held.first) > moment.timestamp() - RIPPLE_EPOCH:
        raise OutOfHistory(
            f"{moment_text(moment)} is before the history of the nodes, which begins with "
            f"{await _named(held.first, close_time)}; ask for a later time, or give a node "
            "with more history"
        )


async def _named(index: int, close_time: CloseTime) -> str:
    closed = datetime.fromtimestamp(await close_time(index) + RIPPLE_EPOCH, UTC)
    return f"ledger {index}, closed {moment_text(closed)}"

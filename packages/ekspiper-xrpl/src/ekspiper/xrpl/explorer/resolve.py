"""From what was asked for to ledgers that the nodes hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from ekspiper.xrpl.client.ledger_set import LedgerSet
from ekspiper.xrpl.ranges import BadRange

from .errors import OutOfHistory
from .moments import CloseTime, first_closed_since, last_closed_until
from .wanted import Wanted

__all__ = ["check_held", "resolve"]


Find = Callable[[datetime, LedgerSet, CloseTime], Awaitable[int]]


async def resolve(wanted: Wanted, held: LedgerSet, close_time: CloseTime) -> tuple[int, int]:
    """The first and last ledger that were asked for.

    Raises:
        OutOfHistory: some of them are in the future, or not held; says what is held.
        BadRange: they are none, because the end is before the beginning.
    """
    if wanted.spec is not None:
        absolute = wanted.spec.is_absolute
        first, last = wanted.spec.resolve(None if absolute else _newest(held))
        if wanted.spec.count is not None:
            first = max(first, held.ranges[-1][0])
    else:
        since = held.first if wanted.since is None else wanted.since
        first = await _bound(since, held, close_time, first_closed_since)
        last = _newest(held)
        if wanted.until is not None:
            last = await _bound(wanted.until, held, close_time, last_closed_until)
        if last < first:
            raise BadRange(f"no ledger closed between the two ends of {wanted.text}")
    check_held(first, last, held)
    return first, last


def check_held(first: int, last: int, held: LedgerSet) -> None:
    """Raise `OutOfHistory` unless all of `first` to `last` is held."""
    missing = held.missing(first, last)
    if not missing:
        return
    named = f"ledger {first}" if first == last else f"ledgers {first} to {last}"
    have = f"the nodes hold {str(held).replace('-', ' to ')}"
    if last > held.last:
        raise OutOfHistory(
            f"{named}: the newest ledger is {held.last}, what is after it is in the future; "
            f"{have}; ask for -100:, or wait for new ones with follow()"
        )
    if first < held.first:
        raise OutOfHistory(
            f"{named}: what is before {held.first} is before the history of the nodes; {have}; "
            "ask for later ledgers, or give a node with more history"
        )
    raise OutOfHistory(
        f"{named}: no node holds {missing}; {have}; ask for other ledgers, or give another node"
    )


def _newest(held: LedgerSet) -> int:
    if not held:
        raise OutOfHistory("the nodes hold no ledger yet: try again when they are in sync")
    return held.last


async def _bound(bound: int | datetime, held: LedgerSet, close_time: CloseTime, find: Find) -> int:
    if isinstance(bound, int):
        return bound
    _newest(held)
    return await find(bound, held, close_time)

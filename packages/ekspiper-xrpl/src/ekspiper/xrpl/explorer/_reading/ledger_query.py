"""Which ledgers a user asks for, by range, by number or by time, and which of them nodes hold."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.ranges import BadRange, RangeSpec, parse_range

from ..errors import OutOfHistory

__all__ = [
    "CloseTime",
    "LedgerQuery",
    "Ledgers",
    "check_held",
    "last_closed_until",
    "parse_query",
    "parse_time",
    "resolve",
]

Bound: TypeAlias = int | str | date | datetime
"""One end: a ledger index, or a time as `datetime` or text such as `2026-11-22 10:00`."""

Ledgers: TypeAlias = str | int | date | datetime | range | tuple[Bound, Bound]
"""Ledgers: `"421:540"`, `"421:+100"`, `"-100:"`, `"421:"`; one index; a time, which means from
then on; two times or indexes, as `"2026-11-22 12:05/2026-11-22 12:06"` or as a pair."""

CloseTime = Callable[[int], Awaitable[int]]
"""When a ledger closed, in seconds of the ledger's epoch."""

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_HELP = (
    "write FIRST:LAST, FIRST:+COUNT, -COUNT: (the newest), a time such as "
    "2026-11-22 10:00 (from then on), or two times with / between them"
)


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """Which ledgers a user asked for, before anybody knows which ones the nodes hold.

    Attributes:
        text: as written, for messages.
        spec: a range by index; None when an end is a time.
        since: the first ledger, or when it closed at the earliest.
        until: the last one, or when it closed at the latest; None: the newest.
    """

    text: str
    spec: RangeSpec | None = None
    since: int | datetime | None = None
    until: int | datetime | None = None


def parse_query(given: Ledgers) -> LedgerQuery:
    """Read what a user asks for. Times without a zone are UTC.

    Raises:
        BadRange: it is neither a range nor a time, or ends before it begins.
    """
    # Python takes True for 1, and nobody means ledger 1 by it.
    if isinstance(given, bool):
        raise BadRange(f"{given!r} does not name ledgers: {_HELP}")
    if isinstance(given, int):
        return _numbered(str(given), f"{given}:{given}")
    if isinstance(given, range):
        if given.step != 1 or len(given) == 0:
            raise BadRange(f"{given} does not name ledgers in a row: {_HELP}")
        return _numbered(str(given), f"{given.start}:{given.stop - 1}")
    if isinstance(given, str):
        return _from_text(given.strip())
    if isinstance(given, date):
        return LedgerQuery(str(given), since=parse_time(given))
    if isinstance(given, tuple) and len(given) == 2:
        return _between(f"{given[0]}/{given[1]}", *given)
    raise BadRange(f"{given!r} does not name ledgers: {_HELP}")


def parse_time(given: str | date | datetime) -> datetime:
    """A time in UTC; a date is its midnight.

    Raises:
        BadRange: this is not a time in ISO 8601.
    """
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given.strip())
        except ValueError:
            raise BadRange(
                f"{given!r} is not a time: write it like 2026-11-22 10:00 or 2026-11-22T10:00:00Z"
            ) from None
    elif isinstance(given, datetime):
        moment = given
    elif not isinstance(given, date):
        raise BadRange(f"{given!r} is not a ledger: give its index, its hash, or a time")
    else:
        moment = datetime(given.year, given.month, given.day)
    # UTC as in every table: local time would give other ledgers on another machine.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _numbered(text: str, spec: str) -> LedgerQuery:
    return LedgerQuery(text, spec=parse_range(spec))


def _from_text(text: str) -> LedgerQuery:
    if "/" in text:
        since, _, until = text.partition("/")
        return _between(text, since.strip(), until.strip())
    if _DATED.fullmatch(text):
        return LedgerQuery(text, since=parse_time(text))
    # Also `2026`, as on the command line: a time needs its day.
    if text.isdigit():
        return _numbered(text, f"{text}:{text}")
    try:
        return LedgerQuery(text, spec=parse_range(text))
    except BadRange as error:
        # Other complaints, such as an end before the beginning, say what is wrong; keep them.
        if "is not a range" not in str(error):
            raise
        raise BadRange(f"{text!r} does not name ledgers: {_HELP}") from None


def _between(text: str, since: Bound, until: Bound) -> LedgerQuery:
    first, last = _bound(since), _bound(until)
    if isinstance(first, int) and isinstance(last, int):
        return _numbered(text, f"{first}:{last}")
    if isinstance(first, datetime) and isinstance(last, datetime) and last < first:
        raise BadRange(f"{text} ends before it begins: {_HELP}")
    return LedgerQuery(text, since=first, until=last)


def _bound(given: Bound) -> int | datetime:
    if isinstance(given, int):
        return given
    if isinstance(given, str) and given.isdigit():
        return int(given)
    return parse_time(given)


Find = Callable[[datetime, LedgerSet, CloseTime], Awaitable[int]]


async def resolve(query: LedgerQuery, held: LedgerSet, close_time: CloseTime) -> tuple[int, int]:
    """The first and last ledger that were asked for.

    Raises:
        OutOfHistory: some are in the future, or no node holds them; the message says what is held.
        BadRange: the range is empty, because its end is before its beginning.
    """
    if query.spec is not None:
        absolute = query.spec.is_absolute
        first, last = query.spec.resolve(None if absolute else _newest(held))
        # `-100:` of a node with a gap means the newest that are there, and not a complaint about
        # the gap.
        if query.spec.count is not None:
            first = max(first, held.ranges[-1][0])
    else:
        since = held.first if query.since is None else query.since
        first = await _index_of(since, held, close_time, _first_closed_since)
        last = _newest(held)
        if query.until is not None:
            last = await _index_of(query.until, held, close_time, last_closed_until)
        if last < first:
            raise BadRange(f"no ledger closed between the two ends of {query.text}")
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
            f"{named}: the newest ledger is {held.last}, later ones have not closed yet; "
            f"{have}; ask for -100:, or wait for new ones with follow()"
        )
    # The two ends first, as their messages say what to do; a gap in between is seldom.
    if first < held.first:
        raise OutOfHistory(
            f"{named}: the history of the nodes begins with {held.first}; {have}; "
            "ask for later ledgers, or give a node with more history"
        )
    raise OutOfHistory(
        f"{named}: no node holds {missing}; {have}; ask for other ledgers, or give another node"
    )


def _newest(held: LedgerSet) -> int:
    if not held:
        raise OutOfHistory("the nodes hold no ledger yet: try again when they are in sync")
    return held.last


async def _index_of(
    bound: int | datetime, held: LedgerSet, close_time: CloseTime, find: Find
) -> int:
    if isinstance(bound, int):
        return bound
    # Refuses where nothing is held, before the search looks for a middle of it.
    _newest(held)
    return await find(bound, held, close_time)


async def _first_closed_since(moment: datetime, held: LedgerSet, close_time: CloseTime) -> int:
    """The first ledger of `held` that closed at `moment` or later.

    Raises:
        OutOfHistory: every one closed before it, or `held` begins only after it.
    """
    count = await _closed_before(moment, held, close_time)
    if count == len(held):
        raise OutOfHistory(
            f"{_time_text(moment)} is after the newest ledger, {await _named(held.last, close_time)}"
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


def _time_text(moment: datetime) -> str:
    """A time as messages show it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


async def _closed_before(
    moment: datetime, held: LedgerSet, close_time: CloseTime, *, included: bool = False
) -> int:
    """How many of `held` closed before the time. Close times never fall, so halving finds it."""
    bound = moment.timestamp() - RIPPLE_EPOCH
    low, high = 0, len(held)
    while low < high:
        # By place among those that are held, not by index: the history of nodes has gaps.
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
            f"{_time_text(moment)} is before the history of the nodes, which begins with "
            f"{await _named(held.first, close_time)}; ask for a later time, or give a node "
            "with more history"
        )


async def _named(index: int, close_time: CloseTime) -> str:
    closed = datetime.fromtimestamp(await close_time(index) + RIPPLE_EPOCH, UTC)
    return f"ledger {index}, closed {_time_text(closed)}"

"""What a user asks for: ledgers by range, by number, or by the time they closed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

from ekspiper.xrpl.ranges import BadRange, RangeSpec, parse_range

__all__ = ["Bound", "Ledgers", "Wanted", "parse_moment", "parse_wanted"]

Bound: TypeAlias = int | str | date | datetime
"""One end: a ledger index, or a time as `datetime` or text such as `2026-11-22 10:00`."""

Ledgers: TypeAlias = str | int | date | datetime | range | tuple[Bound, Bound]
"""Ledgers: `"183:302"`, `"183:+100"`, `"-100:"`, `"183:"`; one index; a time, which means from
then on; two times or indexes, as `"2026-11-22 12:05/2026-11-22 12:06"` or as a pair."""

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_HELP = (
    "write FIRST:LAST, FIRST:+COUNT, -COUNT: (the newest), a time such as "
    "2026-11-22 10:00 (from then on), or two times with / between them"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ledgers as they were asked for, not resolved yet.

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


def parse_wanted(given: Ledgers) -> Wanted:
    """Read what a user asks for. Times without a zone are UTC.

    Raises:
        BadRange: it is neither a range nor a time, or ends before it begins.
    """
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
        return Wanted(str(given), since=parse_moment(given))
    if isinstance(given, tuple) and len(given) == 2:
        return _between(f"{given[0]}/{given[1]}", *given)
    raise BadRange(f"{given!r} does not name ledgers: {_HELP}")


def parse_moment(given: str | date | datetime) -> datetime:
    """A time in UTC; a date is its midnight.

    Raises:
        BadRange: it is no time, or not in ISO 8601.
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
        raise BadRange(f"{given!r} names no ledger: give its index, its hash, or a time")
    else:
        moment = datetime(given.year, given.month, given.day)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _numbered(text: str, spec: str) -> Wanted:
    return Wanted(text, spec=parse_range(spec))


def _from_text(text: str) -> Wanted:
    if "/" in text:
        since, _, until = text.partition("/")
        return _between(text, since.strip(), until.strip())
    if _DATED.fullmatch(text):
        return Wanted(text, since=parse_moment(text))
    if text.isdigit():
        return _numbered(text, f"{text}:{text}")
    try:
        return Wanted(text, spec=parse_range(text))
    except BadRange as error:
        if "is not a range" not in str(error):
            raise
        raise BadRange(f"{text!r} does not name ledgers: {_HELP}") from None


def _between(text: str, since: Bound, until: Bound) -> Wanted:
    first, last = _bound(since), _bound(until)
    if isinstance(first, int) and isinstance(last, int):
        return _numbered(text, f"{first}:{last}")
    if isinstance(first, datetime) and isinstance(last, datetime) and last < first:
        raise BadRange(f"{text} ends before it begins: {_HELP}")
    return Wanted(text, since=first, until=last)


def _bound(given: Bound) -> int | datetime:
    if isinstance(given, int):
        return given
    if isinstance(given, str) and given.isdigit():
        return int(given)
    return parse_moment(given)

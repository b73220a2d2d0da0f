"""What a user may write for ledgers, and what is said of everything else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.explorer import OutOfHistory
from ekspiper.xrpl.explorer._reading.ledger_query import (
    _first_closed_since,
    last_closed_until,
    parse_query,
    parse_time,
    resolve,
)
from ekspiper.xrpl.ranges import BadRange

HELD = LedgerSet.parse("100-199,300-302")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def closes(index: int) -> int:
    """Ledger 100 closes at 12:00:00, and every one four seconds after the one before."""
    return int(START.timestamp()) - RIPPLE_EPOCH + 4 * (index - 100)


@pytest.mark.parametrize(
    ("written", "ledgers"),
    [
        ("100:150", (100, 150)),
        ("100:+3", (100, 102)),
        ("-2:", (301, 302)),
        ("300:", (300, 302)),
        (150, (150, 150)),
        ("150", (150, 150)),
        (range(100, 103), (100, 102)),
        ((100, 102), (100, 102)),
        ("100/102", (100, 102)),
        ("2026-11-22 12:13:20", (300, 302)),
        ("2026-11-22 12:00:01/2026-11-22 12:00:11", (101, 102)),
        ("2026-11-22T12:00:04Z/105", (101, 105)),
        ((START, START + timedelta(seconds=8)), (100, 102)),
        (datetime(2026, 11, 22, 14, 13, 20, tzinfo=timezone(timedelta(hours=2))), (300, 302)),
    ],
)
async def test_ledgers_as_people_write_them(written: Any, ledgers: tuple[int, int]) -> None:
    assert await resolve(parse_query(written), HELD, closes) == ledgers


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("yesterday", "'yesterday' does not name ledgers: write FIRST:LAST"),
        ("10:5", "ends before it begins"),
        ("2026-11-22 25:00", "is not a time: write it like 2026-11-22 10:00"),
        ("2026-11-23/2026-11-22", "ends before it begins"),
        (range(0, 10, 2), "ledgers in a row"),
        (range(5, 5), "ledgers in a row"),
        (True, "does not name ledgers"),
        (None, "does not name ledgers"),
        ((1, 2, 3), "does not name ledgers"),
        (0, "holds no ledger, or ledger 0"),
        ("-0:", "holds no ledger"),
    ],
)
def test_what_names_no_ledgers_is_refused_in_one_sentence(written: Any, said: str) -> None:
    with pytest.raises(BadRange, match=said):
        parse_query(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("303:310", "the newest ledger is 302, later ones have not closed yet"),
        ("1:150", "the history of the nodes begins with 100"),
        ("150:302", "no node holds 200-299"),
        ("2027-01-01", "2027-01-01 00:00:00 UTC is after the newest ledger, ledger 302"),
        ("2020-01-01", "is before the history of the nodes, which begins with ledger 100"),
        ("2020-01-01/2020-01-02", "is before the history"),
    ],
)
async def test_ledgers_that_nobody_holds(written: str, said: str) -> None:
    with pytest.raises(OutOfHistory, match=said):
        await resolve(parse_query(written), HELD, closes)


async def test_between_two_ledgers_there_is_none() -> None:
    wanted = parse_query("2026-11-22 12:00:01/2026-11-22 12:00:02")
    with pytest.raises(BadRange, match="no ledger closed between"):
        await resolve(wanted, HELD, closes)


async def test_nodes_that_hold_nothing_yet() -> None:
    with pytest.raises(OutOfHistory, match="hold no ledger yet"):
        await resolve(parse_query("2026-11-22"), LedgerSet(), closes)


async def test_the_newest_ones_stop_at_a_gap() -> None:
    assert await resolve(parse_query("-50:"), HELD, closes) == (300, 302)


def test_a_date_is_its_midnight_in_utc() -> None:
    assert parse_time(date(2026, 11, 22)) == datetime(2026, 11, 22, tzinfo=UTC)


@given(seconds=st.integers(0, 4 * 202))
async def test_halving_finds_what_looking_at_all_finds(seconds: int) -> None:
    moment = START + timedelta(seconds=seconds)
    offset = {index: 4 * (index - 100) for index in HELD}
    first = min(index for index in HELD if offset[index] >= seconds)
    last = max(index for index in HELD if offset[index] <= seconds)

    assert await _first_closed_since(moment, HELD, closes) == first
    assert await last_closed_until(moment, HELD, closes) == last

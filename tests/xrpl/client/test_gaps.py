"""Which ledgers are worth waiting for when no node holds them, and how often a node is asked."""

from __future__ import annotations

from itertools import takewhile

import pytest

from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.client._call import ask_again_in
from ekspiper.xrpl.client._timeouts import LedgerGaps

HELD = LedgerSet.parse("1000-1050,1080-2000")


@pytest.mark.parametrize(
    ("index", "held", "expected"),
    [
        (1051, "1000-1050,1080-2000", True),  # a gap, as an outage leaves it
        (1079, "1000-1050,1080-2000", True),
        (999, "1000-2000", False),  # deleted long ago
        (1, "1000-2000", False),
        (1744, "1745-2000", False),
        (1745, "1990-2000", True),  # a server that has just begun fetches so many
        (1999, "2000", True),
        (1999, "empty", True),
        (1, "empty", False),
    ],
)
def test_what_was_deleted_is_not_waited_for(index: int, held: str, *, expected: bool) -> None:
    assert LedgerGaps().may_be_filled(index, LedgerSet.parse(held), newest=2000) is expected


def test_a_gap_is_waited_for_once() -> None:
    """Or a thousand ledgers that never come would take a thousand times the time-out."""
    gaps = LedgerGaps()
    gaps.waited_in_vain(1051, HELD)
    for index in (1051, 1060, 1079):
        assert not gaps.may_be_filled(index, HELD, newest=2000)
        wider = LedgerSet.parse("1010-1050,1080-2100")
        assert not gaps.may_be_filled(index, wider, newest=2100)
    other = LedgerSet.parse("1000-1050,1080-2000,2010-2020")
    assert gaps.may_be_filled(2005, other, newest=2020)


def test_a_gap_that_is_being_filled_is_waited_for_again() -> None:
    gaps = LedgerGaps()
    gaps.waited_in_vain(1051, HELD)
    filling = LedgerSet.parse("1000-1050,1079-2000")
    assert gaps.may_be_filled(1060, filling, newest=2000)
    gaps.waited_in_vain(1060, filling)
    assert not gaps.may_be_filled(1060, filling, newest=2000)
    assert gaps.may_be_filled(1060, LedgerSet.parse("1000-1055,1079-2000"), newest=2000)


def test_the_later_it_is_the_less_often_is_asked() -> None:
    assert [ask_again_in(waited) for waited in (0.0, 1.0, 20.0, 3600.0)] == [0.1, 0.1, 2.0, 5.0]

    def asked() -> list[float]:
        times = [0.0]
        while times[-1] < 3600:
            times.append(times[-1] + ask_again_in(times[-1]))
        return times

    assert len(asked()) < 800
    assert len(list(takewhile(lambda at: at < 1, asked()))) == 11

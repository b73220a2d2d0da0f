"""What is said of ledgers that no node serves."""

from __future__ import annotations

import pytest

from ekspiper.xrpl.ledger_watch import LedgerWatch, late_ledgers

HELD = "ws://one holds 1-6,10-20"


def test_one_line_at_the_start_one_a_minute_one_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="ekspiper")
    watch = LedgerWatch(timeout=3600.0)
    watch.look({}, held=HELD, now=0.0)
    watch.look({7: 9.9}, held=HELD, now=10.0)
    assert caplog.messages == []
    for second in range(70):
        missing = {7: 10.0 + second, 9: 1.0 + second, 8: 1.0 + second}
        watch.look(missing, held=HELD, now=10.0 + second)
    rest = f"the ledgers after it wait; it becomes a dead letter after 3600 s; {HELD}"
    assert caplog.messages == [
        f"no node serves ledger 7, for 10 s now: {rest}",
        f"no node serves ledger 7-9, for 70 s now: {rest}",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    caplog.clear()
    watch.look({9: 80.0}, held=HELD, now=90.0)
    watch.look({}, held=HELD, now=90.5)
    watch.look({}, held=HELD, now=91.0)
    assert caplog.messages == ["ledger 9 was served, or given up"]
    watch.look({12: 10.0}, held=HELD, now=92.0)
    assert len(caplog.messages) == 2


def test_a_ledger_that_has_just_closed_is_not_late() -> None:
    assert not late_ledgers({5: 0.0, 6: 9.9})
    assert str(late_ledgers({5: 10.0, 6: 9.9, 7: 3600.0})) == "5,7"

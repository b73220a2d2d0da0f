"""How a run is shown: one line on a terminal, and what it must not say."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ekspiper.core import Flow, Pipeline, Queue, Statistics, Step
from ekspiper.core.testing import RecordingCollector
from ekspiper.xrpl.cli._progress import (
    DaemonProgress,
    Rate,
    View,
    _drawn,
    _Following,
    counting_ledgers,
    counting_records,
)


def drawn(view: View, *, width: int = 80) -> list[str]:
    """The lines as a terminal of that width shows them."""
    text = io.StringIO()
    Console(file=text, force_terminal=True, width=width, no_color=True).print(_drawn(view))
    return text.getvalue().splitlines()


def test_the_rate_is_over_the_last_seconds() -> None:
    rate = Rate(over=5.0)
    assert rate.add(0.0, 0) == 0.0
    assert rate.add(1.0, 100) == 100.0
    assert rate.add(2.0, 300) == 150.0
    for second in range(3, 30):
        latest = rate.add(float(second), 300 + 10 * (second - 2))
    assert latest == pytest.approx(10.0)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_one_line_with_a_bar(width: int) -> None:
    view = View(what="Ledgers", done=94, total=120, facts=("1,373 tx/s", "2 s left"))
    (line,) = drawn(view, width=width)
    assert line.startswith("Ledgers ━━━")
    assert line.rstrip().endswith("94/120 · 1,373 tx/s · 2 s left")
    assert len(line) <= width


def test_without_a_total_there_is_no_bar() -> None:
    view = View(what="Ledgers", done=94, facts=("newest 98,000,000", "31 tx/s", "4 s behind"))
    assert drawn(view) == ["Ledgers 94 · newest 98,000,000 · 31 tx/s · 4 s behind"]


def test_what_fails_has_a_line_that_does_not_wrap() -> None:
    view = View(what="Ledgers", done=1, failing={"transaction-record/etl/fluent": 200 * "x"})
    lines = drawn(view)
    assert len(lines) == 2
    assert lines[1].startswith("transaction-record/etl/fluent is failing: xxx")


def test_one_sink_that_is_down_is_said_once() -> None:
    down = dict.fromkeys(("a/b/fluent", "a/c/fluent"), "Connection refused")
    view = View(what="Ledgers", done=1, failing={**down, "a/c/files": "Connection refused"})
    said = "fluent (at 2 places) is failing: Connection refused"
    assert str(view) == f"Ledgers 1 · {said} · a/c/files is failing: Connection refused"
    assert drawn(view, width=80)[1].rstrip() == said


def statistics(kept: int, position: int | None, *, lag: float | None = 2.7e7) -> Statistics:
    """A run that has kept so many ledgers, the last of them at `position`."""
    source: Any = SimpleNamespace(kept=kept, dead_lettered=0, position=position, lag=lag)
    queue: Any = SimpleNamespace(items=3, max_items=64)
    return Statistics(
        seconds=1.0,
        sources={"ledger-details": source},
        steps={},
        collectors={},
        queues={"ledger_record_flow_q": queue},
        checkpoints=0,
    )


def test_a_recording_has_a_total_and_no_lag() -> None:
    follow = _Following(total=120, shows_lag=False, shows_queues=False)
    # The checkpoint begins at the ledger before the first, which is not one of them.
    begun = follow.view(statistics(0, 182))
    assert str(begun) == "Ledgers 0/120"
    assert begun.ledger is None
    seen = str(follow.view(statistics(94, 276)))
    assert seen.startswith("Ledgers 94/120")
    assert "behind" not in seen
    assert "queue" not in seen


@pytest.mark.parametrize(("lag", "shown"), [(4.2, True), (90_000.0, False)])
def test_a_live_network_shows_how_far_it_is_behind(lag: float, shown: bool) -> None:
    follow = _Following(total=None, shows_lag=True, shows_queues=False)
    follow.view(statistics(0, 182, lag=None))
    seen = str(follow.view(statistics(4, 186, lag=lag)))
    assert seen.startswith("Ledgers 4 · newest 186")
    assert (" s behind" in seen) is shown


def test_queues_are_for_those_who_ask() -> None:
    follow = _Following(total=120, shows_lag=False, shows_queues=True)
    lines = drawn(follow.view(statistics(5, 187)))
    assert "ledger_record_flow_q" in lines[1]
    assert "3 of 64" in lines[1]


async def test_a_run_is_watched_to_its_end() -> None:
    queue = Queue("txn_records_flow_q")
    run = Pipeline(
        Flow("ledger-details", source=range(20), steps=(Step(lambda n: n, collectors=(queue,)),)),
        Flow(
            "transaction-record",
            source=queue,
            steps=(Step(lambda n: n, name="etl", collectors=(RecordingCollector(),)),),
        ),
    ).start()
    with DaemonProgress().watching(run, first=1, last=20, is_recording=True):
        await run.finish()
    with counting_ledgers(run, 20), counting_records(run, "transaction-record/etl"):
        pass
    view = _Following(total=None, shows_lag=True, shows_queues=False).view(run.statistics())
    assert str(view).startswith("Ledgers 20 · newest 20")

"""What a running daemon shows: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ekspiper.core import Flow, Pipeline, Queue, Step
from ekspiper.core.testing import RecordingCollector
from ekspiper.xrpl.daemon.progress import Progress, Rates


def test_the_rate_is_over_the_last_seconds() -> None:
    rates = Rates(over=5.0)
    assert rates.add(0.0, 0) == 0.0
    assert rates.add(1.0, 100) == 100.0
    assert rates.add(2.0, 300) == 150.0
    for second in range(3, 30):
        rate = rates.add(float(second), 300 + 10 * (second - 2))
    assert rate == pytest.approx(10.0)


@pytest.mark.parametrize("terminal", [True, False])
async def test_what_is_shown(terminal: bool) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, no_color=True)
    progress = Progress(console)
    queue = Queue("txn_records_flow_q")
    run = Pipeline(
        Flow("ledger-details", source=range(20), steps=(Step(lambda n: n, collectors=(queue,)),)),
        Flow(
            "transaction-record",
            source=queue,
            steps=(Step(lambda n: n, name="etl", collectors=(RecordingCollector(),)),),
        ),
    ).start()
    with progress.watching(run):
        await run.finish()
    statistics = run.statistics()
    assert progress.line(statistics).startswith("ledger 20 (20 kept of 20 read), 20 transactions (")
    console.print(progress.table(statistics, draining=True))
    shown = text.getvalue()
    assert "20 (20 kept of 20 read)  draining" in shown
    assert "txn_records_flow_q" in shown
    assert "0 of 1,000" in shown

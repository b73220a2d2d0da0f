"""`ekspiper payments`: one line for each payment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.core import Collector, Flow, Pipeline, Queue, Step, registry
from ekspiper.core.runner.signals import draining_on_signals

from ..open_network import open_network
from ..output_folder import OutputFolder
from ..processors.fetch_ledger import FetchLedger
from ..processors.payment_summary import PaymentSummary
from ..processors.split_ledger import SplitLedger
from ..sources.ledger_range import LedgerRange
from .interruptible import run_interruptible
from .logs import console
from .options import ConnectTimeout, Network, Out, say_sample

__all__ = ["payments"]


def payments(
    ranges: Annotated[
        list[str], typer.Argument(metavar="RANGE", help="FIRST:LAST, FIRST:+COUNT, or -COUNT:.")
    ],
    network: Network = None,
    out: Out = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Summarise every payment: result, delivered amount, paths, offers and AMMs consumed.

    One JSON line a payment, to standard output, or to DIR/payments.jsonl with --out.
    """
    chosen = network or "sample"
    say_sample(chosen, network)
    run_interruptible(_payments(chosen, ranges, out, connect_timeout))


async def _payments(
    network: str, ranges: list[str], out: Path | None, connect_timeout: float | None
) -> None:
    collector: Collector[Any]
    folder = OutputFolder(out, command="payments") if out is not None else None
    if folder is not None:
        collector = folder.collector("payments").collector
    else:
        collector = registry.load("collectors", "stdout")()
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        transactions = Queue("transactions")
        pipeline = Pipeline(
            Flow(
                "ledger-details",
                source=LedgerRange(opened.pool, ranges),
                steps=(
                    Step(
                        FetchLedger(opened.pool),
                        concurrency=16,
                        collectors=(ledgers := Queue("ledgers"),),
                    ),
                ),
            ),
            Flow(
                "ledger-to-transactions",
                source=ledgers,
                steps=(Step(SplitLedger(), collectors=(transactions,)),),
            ),
            Flow(
                "payment-summary",
                source=transactions,
                steps=(Step(PaymentSummary(), collectors=(collector,)),),
            ),
        )
        run = pipeline.start(checkpoint=folder.checkpoint if folder else None)
        with draining_on_signals(run):
            report = await run.finish()
        made = run.statistics().steps["payment-summary/PaymentSummary"].items_out
        where = f" to {folder.table('payments')}" if folder else ""
        console.print(f"{made:,} payments in {report.read:,} ledgers{where}.", soft_wrap=True)

"""`ekspiper payments`: one line for each payment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ekspiper.core import Collector, Flow, Pipeline, Queue, Step, draining_on_signals, registry
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.processors import FetchLedger, PaymentSummary, SplitLedger
from ekspiper.xrpl.ranges import ranges_begun
from ekspiper.xrpl.sources import LedgerRange
from ekspiper.xrpl.verify import ONLY_HASHED

from .._interruption import run_interruptible
from .._logs import counted, tell
from .._options import ConnectTimeout, Json, Network, Out, Ranges, chosen_network
from .._streams import say_json

__all__ = ["payments"]


def payments(
    ranges: Ranges,
    network: Network = None,
    out: Out = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Summarise every payment of a range of ledgers.

    Result, delivered amount, paths, offers and AMMs consumed: one JSON line for each payment, to
    standard output, or to DIR/payments.jsonl with --out.

    Examples:
      ekspiper payments -100: --out out/payments
      ekspiper payments 478:480 | head -1 | python3 -m json.tool
    """
    work = _payments(chosen_network(network), ranges, out, connect_timeout, as_json=as_json)
    raise typer.Exit(run_interruptible(work))


async def _payments(
    network: str,
    ranges: list[str],
    out: Path | None,
    connect_timeout: float | None,
    *,
    as_json: bool,
) -> int:
    if out is not None:
        folder = OutputFolder(out, command="payments", tables=("payments",))
        collector = folder.collector("payments").collector
        # `-100:` of yesterday are other ledgers today: a run that was begun keeps the ones it had.
        begun = await folder.source_of("ledger-details")
        ranges = ranges if begun is None else ranges_begun(begun, ranges)
    else:
        folder = None
        collector = registry.load("collectors", "stdout")()
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        pipeline = _pipeline(opened.pool, ranges, collector)
        run = pipeline.start(checkpoint=folder.checkpoint if folder else None)
        with draining_on_signals(run):
            report = await run.finish()
        # Of this run: an earlier one of the same folder may have written others.
        made = run.statistics().steps["payment-summary/PaymentSummary"].items_out
        if as_json:
            content = {"payments": made, "ledgers": report.read, "drained": run.draining}
            say_json(content, beside_records=folder is None)
            return int(run.draining)
        where = f" to {folder.table('payments')}" if folder else ""
        tell(f"{counted(made, 'payment')} in {counted(report.read, 'ledger')}{where}.")
        if run.draining:
            tell("Stopped on request, before the end of the range.")
        tell(ONLY_HASHED)
        return int(run.draining)


def _pipeline(pool: NodePool, ranges: list[str], collector: Collector[Any]) -> Pipeline:
    ledgers, transactions = Queue("ledgers"), Queue("transactions")
    return Pipeline(
        Flow(
            "ledger-details",
            source=LedgerRange(pool, ranges),
            steps=(Step(FetchLedger(pool), concurrency=16, collectors=(ledgers,)),),
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

"""`ekspiper backfill`: past ledgers into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.core.runner.signals import draining_on_signals

from ..backfill import Backfill, BackfillReport, Estimate, estimate
from ..client.ledger_set import LedgerSet
from ..open_network import open_network
from ..output_folder import OutputFolder, default_out
from .interruptible import run_interruptible
from .ledger_bar import ledger_bar
from .logs import console
from .options import ConnectTimeout, Network, say_sample

__all__ = ["backfill"]

_NAMED = 20


def backfill(
    ranges: Annotated[
        list[str],
        typer.Argument(
            metavar="RANGE", help="FIRST:LAST (inclusive), FIRST:+COUNT, or -COUNT: (newest)."
        ),
    ],
    network: Network = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="[default: out/NETWORK-backfill]"),
    ] = None,
    format: Annotated[str, typer.Option(metavar="jsonl|parquet", help="Format of the files.")] = (
        "jsonl"
    ),
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Ledgers asked for at once.")
    ] = 32,
    backwards: Annotated[
        bool, typer.Option("--backwards", help="From the last ledger to the first.")
    ] = False,
    books: Annotated[bool, typer.Option("--books", help="Record order books as well.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Prove every ledger.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched, and stop.")
    ] = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Fetch ranges of past ledgers: verified, in order, without gaps.

    Run again on the same folder, it fetches only what is missing there, whatever the ranges.

    Examples:

      ekspiper backfill 183:302 --out out/sample-month

      ekspiper backfill -160000: --network mainnet --out out/week --format parquet
    """
    chosen = network or "sample"
    folder = OutputFolder(out or default_out(chosen, "backfill"), command="backfill", format=format)
    say_sample(chosen, network)
    work = _backfill(
        chosen,
        ranges,
        folder,
        connect_timeout=connect_timeout,
        dry_run=dry_run,
        backwards=backwards,
        books=books,
        verify=verify,
        concurrency=concurrency,
    )
    raise typer.Exit(run_interruptible(work))


async def _backfill(
    network: str,
    ranges: list[str],
    folder: OutputFolder,
    *,
    connect_timeout: float | None,
    dry_run: bool,
    verify: bool,
    **options: Any,
) -> int:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        job = Backfill(opened.pool, ranges, folder, verify=verify, **options)
        await job.plan(dry_run=dry_run)
        if dry_run:
            _print_estimate(await estimate(opened.pool, job.wanted, job.missing), folder)
            return 0
        run = None
        if job.missing:
            run = job.start()
            bar = ledger_bar(run, len(job.missing), console)
            with draining_on_signals(run), bar:
                await run.finish()
        report = job.conclude(run)
        drained = run is not None and run.draining
    _print_report(report, folder, verified=verify, seconds=run.statistics().seconds if run else 0.0)
    if drained and not report.dead_letters:
        return 0
    return 3 if report.failed or report.dead_letters else 0


def _print_estimate(found: Estimate, folder: OutputFolder) -> None:
    console.print(
        f"{len(found.wanted):,} ledgers wanted, {len(found.wanted) - len(found.missing):,} are in "
        f"{folder.path}; missing: {found.missing}.",
        soft_wrap=True,
    )
    if found.absent:
        console.print(f"No node has {len(found.absent):,} of them: {found.absent}.", soft_wrap=True)
    console.print(
        f"Would send {found.requests:,} requests and receive about "
        f"{2 * found.bytes / 1e6:,.1f} MB (from {found.samples} ledgers looked at).",
        soft_wrap=True,
    )


def _print_report(
    report: BackfillReport, folder: OutputFolder, *, verified: bool, seconds: float
) -> None:
    proof = "all verified" if verified else "not verified"
    console.print(
        f"{report.fetched:,} ledgers fetched, {proof}, {report.present:,} were there before; "
        f"{report.transactions:,} transactions added in {seconds:.1f} s to {folder.path}.",
        soft_wrap=True,
        markup=False,
    )
    if report.drift:
        console.print(f"Schema drift: {report.drift}", soft_wrap=True, markup=False)
    reasons = _by_reason(report.failed)
    for reason, ledgers in list(reasons.items())[:_NAMED]:
        console.print(f"  missing {ledgers}: {reason}", soft_wrap=True, markup=False, style="red")
    if len(reasons) > _NAMED:
        more = sum(len(ledgers) for ledgers in list(reasons.values())[_NAMED:])
        console.print(
            f"  and {more:,} more: see {folder.path / 'dead_letters.jsonl'}",
            soft_wrap=True,
            markup=False,
        )
    if report.failed:
        console.print("Run the same command again to fetch what is missing.")


def _by_reason(failed: dict[int, str]) -> dict[str, LedgerSet]:
    """Ledgers that are missing for the same reason, which names each of them as `it`."""
    found: dict[str, list[int]] = {}
    for index, reason in failed.items():
        found.setdefault(reason.replace(f"ledger {index}", "it", 1), []).append(index)
    return {reason: LedgerSet.of((i, i) for i in indexes) for reason, indexes in found.items()}

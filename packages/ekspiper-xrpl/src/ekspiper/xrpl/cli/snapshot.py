"""`ekspiper snapshot`: all objects of one ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.core.runner.signals import draining_on_signals

from ..open_network import open_network
from ..output_folder import OutputFolder, default_out
from ..snapshot import Snapshot
from .interruptible import run_interruptible
from .item_counter import item_counter
from .logs import console
from .options import ConnectTimeout, Format, Ledger, Network, say_sample

__all__ = ["snapshot"]


def snapshot(
    ledger: Ledger = None,
    network: Network = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="[default: out/NETWORK-snapshot]"),
    ] = None,
    format: Format = "jsonl",
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="T", help="Record these types only."),
    ] = None,
    parallel: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Parts of the state read at once.")
    ] = 8,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Record all ledger objects at one ledger, and prove that none is missing or altered.

    The root over all objects must equal the ledger's account_hash. All are read even with --type.
    Interrupted, it goes on where it stopped when it is run again.
    """
    chosen = network or "sample"
    folder = OutputFolder(out or default_out(chosen, "snapshot"), command="snapshot", format=format)
    say_sample(chosen, network)
    work = _snapshot(
        chosen,
        folder,
        connect_timeout=connect_timeout,
        ledger=ledger,
        types=types,
        parallel=parallel,
    )
    raise typer.Exit(run_interruptible(work))


async def _snapshot(
    network: str, folder: OutputFolder, *, connect_timeout: float | None, **options: Any
) -> int:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        job = Snapshot(opened.pool, folder, **options)
        run = await job.start()
        counter = item_counter(run, "ledger-objects/object-record", console)
        with draining_on_signals(run), counter:
            await run.finish()
        if run.draining:
            console.print("Stopped on request; run it again to go on.")
            return 0
        report = await job.conclude(run)
    console.print(
        f"{report.objects:,} objects at ledger {report.ledger_index}, {report.records:,} recorded "
        f"now in {run.statistics().seconds:.1f} s, in {folder.table('objects')}.\n"
        f"Verified: they hash to the ledger's account_hash {report.account_hash}.",
        soft_wrap=True,
        markup=False,
    )
    return 0

"""`ekspiper snapshot`: all objects of one ledger, by one process or by workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekspiper.core import draining_on_signals
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder, default_out
from ekspiper.xrpl.snapshot import Snapshot
from ekspiper.xrpl.verify import ONLY_HASHED

from .._interruption import run_interruptible
from .._logs import tell
from .._options import (
    ConnectTimeout,
    Json,
    Ledger,
    Network,
    Scheduler,
    WorkerCount,
    chosen_network,
    default_out_option,
)
from .._progress import counting_records
from .snapshot_report import say_snapshot, tell_snapshot

if TYPE_CHECKING:
    from ekspiper.xrpl.output_bucket import OutputBucket

__all__ = ["snapshot"]


def snapshot(
    more_types: Annotated[list[str] | None, typer.Argument(metavar="T", hidden=True)] = None,
    ledger: Ledger = None,
    network: Network = None,
    out: Annotated[Any, default_out_option("snapshot", urls=True)] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|parquet",
            help="Format of the files. [default: jsonl; in an object store, parquet]",
            show_default=False,
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="T...", help="Record these types only."),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="Parts of the state read at once. [default: 8; by workers, one each]",
            show_default=False,
        ),
    ] = None,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Record all objects of one ledger, and prove that none is missing.

    The root over all objects must equal the ledger's account_hash. All are read even with --type.
    When it is interrupted, the exit code is 1; run it again to continue.

    With --workers or --scheduler, processes of this machine or of a Dask cluster read parts of the
    state side by side. Each part is a file of Parquet; those that are there are kept.

    Examples:
      ekspiper snapshot --ledger 540 --out out/state
      ekspiper snapshot --network ws://10.0.0.5:6006 --workers 8 --out out/state
      ekspiper snapshot --type Offer AMM --format parquet
      ekspiper snapshot --network mainnet --out s3://BUCKET/state
    """
    # `--type Offer AMM`, as the help shows it, gives the second name as an argument.
    if more_types and not types:
        raise typer.BadParameter(f"unexpected: {' '.join(more_types)}; types stand after --type")
    wanted = [*(types or ()), *(more_types or ())] or None
    if workers is not None or scheduler is not None:
        if format not in (None, "parquet"):
            raise typer.BadParameter("workers write parquet; for JSON lines, leave --workers out")
        if parallel is not None:
            raise typer.BadParameter(
                "--parallel does not go with workers: each reads one part at a time"
            )
        from ._by_workers import snapshot_by_parts

        code = snapshot_by_parts(
            network,
            out,
            ledger=ledger,
            types=wanted,
            workers=workers,
            scheduler=scheduler,
            connect_timeout=connect_timeout,
            as_json=as_json,
        )
        raise typer.Exit(code)
    chosen = chosen_network(network)
    folder = _place(out or default_out(chosen, "snapshot"), format)

    def job(pool: NodePool) -> Snapshot:
        return Snapshot(pool, folder, ledger=ledger, types=wanted, parallel=parallel or 8)

    work = _snapshot(chosen, folder, job, connect_timeout=connect_timeout, as_json=as_json)
    raise typer.Exit(run_interruptible(work))


def _place(out: Any, format: str | None) -> OutputFolder | OutputBucket:
    if not isinstance(out, str):
        return OutputFolder(out, command="snapshot", format=format or "jsonl", tables=("objects",))
    if format not in (None, "parquet"):
        raise typer.BadParameter(
            f"files in an object store are Parquet, not {format}", param_hint="'--format'"
        )
    from ekspiper.xrpl.output_bucket import OutputBucket

    bucket = OutputBucket(out, command="snapshot")
    bucket.refuse_others("objects")
    return bucket


async def _snapshot(
    network: str,
    folder: OutputFolder | OutputBucket,
    make: Callable[[NodePool], Snapshot],
    *,
    connect_timeout: float | None,
    as_json: bool,
) -> int:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        job = make(opened.pool)
        run = await job.start()
        counter = counting_records(run, "ledger-objects/object-record")
        with draining_on_signals(run), counter:
            await run.finish()
        # Nothing can be proven of half a state.
        if run.draining:
            tell("Stopped on request; run it again to continue.")
            return 1
        report = await job.conclude(run)
    seconds = run.statistics().seconds
    if as_json:
        say_snapshot(report, str(folder.path), seconds=seconds)
        return 0
    recorded = f"{report.records:,} recorded now in {seconds:.1f} s"
    tell_snapshot(report, recorded, str(folder.table("objects")))
    if isinstance(folder, OutputFolder):
        tell(f"{ONLY_HASHED} `ekspiper anchor --snapshot {folder.path}` adds signatures.")
    else:
        tell(ONLY_HASHED)
    return 0

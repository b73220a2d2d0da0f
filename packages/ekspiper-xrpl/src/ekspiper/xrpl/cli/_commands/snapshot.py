"""`ekspiper snapshot`: all objects of one ledger, by one process or by workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekspiper.core import draining_on_signals
from ekspiper.core.bucket import is_bucket_url
from ekspiper.core.chunks import ChunkStore
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_bucket import OutputBucket
from ekspiper.xrpl.output_folder import OutputFolder, default_out
from ekspiper.xrpl.snapshot import Snapshot, SnapshotReport
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
from .._progress import counting_chunks, counting_records
from .._streams import say_json

if TYPE_CHECKING:
    from ekspiper.xrpl.cluster import Workers

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
        code = _by_parts(
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
    if not is_bucket_url(out):
        return OutputFolder(out, command="snapshot", format=format or "jsonl", tables=("objects",))
    if format not in (None, "parquet"):
        raise typer.BadParameter(
            f"files in an object store are Parquet, not {format}", param_hint="'--format'"
        )
    bucket = OutputBucket(str(out), command="snapshot")
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
        if run.draining:
            tell("Stopped on request; run it again to continue.")
            return 1
        report = await job.conclude(run)
    seconds = run.statistics().seconds
    if as_json:
        _say(report, str(folder.path), seconds)
        return 0
    tell(
        f"{report.objects:,} objects at ledger {report.ledger_index}, {report.records:,} recorded "
        f"now in {seconds:.1f} s, in {folder.table('objects')}.\n"
        f"Verified: they hash to the ledger's account_hash {report.account_hash}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
    if isinstance(folder, OutputFolder):
        tell(f"{ONLY_HASHED} `ekspiper anchor --snapshot {folder.path}` adds signatures.")
    else:
        tell(ONLY_HASHED)
    return 0


def _by_parts(
    network: str | None,
    out: Path | str | None,
    *,
    ledger: int | None,
    types: Sequence[str] | None,
    workers: int | None,
    scheduler: str | None,
    connect_timeout: float | None,
    as_json: bool,
) -> int:
    """Have workers bring a place to hold the state of a ledger; the exit code."""
    # Imported here: a snapshot without workers begins sooner.
    from ekspiper.xrpl.cluster import open_state_store

    from .backfill_by_chunks import chosen_workers, refuse_both

    refuse_both(workers, scheduler)
    chosen = chosen_network(network)
    work = _snapshot_by_parts(
        chosen,
        open_state_store(out or default_out(chosen, "snapshot")),
        partial(chosen_workers, workers, scheduler, timeout=connect_timeout),
        ledger=ledger,
        types=types,
        connect_timeout=connect_timeout,
        as_json=as_json,
    )
    return run_interruptible(work)


async def _snapshot_by_parts(
    network: str,
    store: ChunkStore,
    begun: Callable[[], AbstractContextManager[Workers]],
    *,
    ledger: int | None,
    types: Sequence[str] | None,
    connect_timeout: float | None,
    as_json: bool,
) -> int:
    from ekspiper.xrpl.cluster import ClusterSnapshot

    began = time.monotonic()
    with store.locked():
        async with open_network(network, connect_timeout=connect_timeout) as opened:
            job = ClusterSnapshot(
                network,
                opened.pool,
                store,
                ledger=ledger,
                types=types,
                connect_timeout=connect_timeout,
            )
            await job.plan()
            shown = counting_chunks(job.progress, what="Parts", records="records", piece="part")
            with begun() as workers, draining_on_signals(job), shown:
                await job.run(workers)
                if job.draining and job.progress.done < job.progress.total:
                    tell("Stopped on request; run it again to continue.")
                    return 1
                report = await job.conclude(workers)
    seconds = time.monotonic() - began
    if as_json:
        _say(report, store.address, seconds)
        return 0
    tell(
        f"{report.objects:,} objects at ledger {report.ledger_index}, {report.records:,} recorded, "
        f"{job.progress.transactions:,} of them now in {seconds:.1f} s, in "
        f"{store.address}/objects.\n"
        f"Verified: they hash to the ledger's account_hash {report.account_hash}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
    tell(ONLY_HASHED)
    return 0


def _say(report: SnapshotReport, folder: str, seconds: float) -> None:
    shown = {**asdict(report), "drift": str(report.drift)}
    say_json({**shown, "folder": folder, "seconds": round(seconds, 3)})

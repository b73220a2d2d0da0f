"""`ekspiper backfill`: past ledgers into a folder, an object store, or the collectors of a configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack

import typer

from ekspiper.core import draining_on_signals
from ekspiper.xrpl.backfill import Backfill, BackfillOptions, estimate
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.output_folder import OutputFolder, default_out
from ekspiper.xrpl.trustees import TrustChoice, read_anchor, read_trust, trustees_of

from .._interruption import run_interruptible
from .._options import (
    Anchors,
    ConfigFile,
    ConnectTimeout,
    Json,
    Network,
    Ranges,
    Scheduler,
    Trust,
    WorkerCount,
    chosen_network,
    default_out_option,
    path,
)
from .._progress import counting_ledgers
from .._streams import say_json
from .backfill_report import exit_code, report_as_json, tell_estimate, tell_report

if TYPE_CHECKING:
    from ekspiper.xrpl.attestation import Notary

__all__ = ["backfill", "notary_of"]

# A path or a text, which typer has no type for.
FolderOrUrl = Annotated[Any, default_out_option("backfill", urls=True)]
FileFormat = Annotated[
    str | None,
    typer.Option(
        metavar="jsonl|parquet|iceberg",
        help="Format of the files. [default: jsonl; by workers, parquet]",
        show_default=False,
    ),
]
Concurrency = Annotated[
    int, typer.Option(metavar="N", min=1, max=256, help="Ledgers asked for at once.")
]
Backwards = Annotated[bool, typer.Option("--backwards", help="From the last ledger to the first.")]
Books = Annotated[bool, typer.Option("--books", help="Record order books as well.")]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Prove every ledger.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and stop.")]
BackfillState = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        parser=path,
        help="With --config: folder for checkpoints and dead letters. "
        "[default: backfill, in the folder of the daemon's state]",
    ),
]


class _Shared(TypedDict):
    """Options that mean the same for one process, for workers, and into collectors."""

    connect_timeout: float | None
    as_json: bool
    trust: list[str] | None
    anchors: list[str] | None


def backfill(
    ranges: Ranges,
    network: Network = None,
    out: FolderOrUrl = None,
    format: FileFormat = None,
    concurrency: Concurrency = 32,
    backwards: Backwards = False,
    books: Books = False,
    verify: Verify = True,
    dry_run: DryRun = False,
    trust: Trust = None,
    anchor: Anchors = None,
    config: ConfigFile = None,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    state: BackfillState = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Fetch past ledgers: proven, in order, without gaps.

    Run again on the same folder, it fetches only what is missing there, whatever the ranges are.
    When it is interrupted before it has everything, the exit code is 1; run it again to continue.

    With --config it sends the ledgers to the collectors of that configuration, also while a daemon
    with the same configuration is running. Files and datasets get a name of their own, such as
    transactions-backfill-421-540.jsonl; a table of PostgreSQL with a key takes both.

    Where the network's publishers are known, each ledger is chained by headers to one that the
    validators have signed: one of the archive, the newest, or that of --anchor. A ledger that cannot
    be chained is recorded without a signature; --trust signed refuses it. With --config, `trust` in
    it says whose signatures count.

    With --workers or --scheduler, processes of this machine or of a Dask cluster fetch chunks of the
    range side by side. Chunks that are there are kept, whatever the number of workers was. --out may
    also be s3://BUCKET/PREFIX, gs:// or az://, with workers or without.

    Examples:
      ekspiper backfill 421:540 --out out/sample-month
      ekspiper backfill -160000: -n mainnet -o out/week --format parquet
      ekspiper backfill 80000000:+100000 -n ws://10.0.0.5:6006 --workers 8
      ekspiper backfill 80000000:+1000 --config ekspiper.toml
    """
    options = BackfillOptions(
        backwards=backwards, books=books, verify=verify, concurrency=concurrency
    )
    shared = _Shared(connect_timeout=connect_timeout, as_json=as_json, trust=trust, anchors=anchor)
    # Imported where they are used: a backfill into a folder needs neither workers nor collectors,
    # and begins sooner without them.
    if config is not None:
        from .backfill_into import backfill_into

        if out is not None or format is not None or dry_run or workers or scheduler:
            raise typer.BadParameter(
                "--config says where records go: --out, --format, --workers, --scheduler and "
                "--dry-run do not go with it"
            )
        raise typer.Exit(
            backfill_into(config, ranges, network=network, state=state, **shared, **options)
        )
    if state is not None:
        raise typer.BadParameter("--state goes with --config; --out DIR holds its own state")
    # Object stores and Iceberg have no file that could be cut back: what is there is there by
    # chunks.
    by_chunks = isinstance(out, str) or format == "iceberg"
    if workers is not None or scheduler is not None or by_chunks:
        from ._by_workers import backfill_by_chunks

        if format not in (None, "parquet", "iceberg"):
            raise typer.BadParameter(
                "workers write parquet or iceberg, to object stores parquet only; for JSON lines, "
                "leave --workers out"
            )
        code = backfill_by_chunks(
            network,
            ranges,
            out,
            format=format or "parquet",
            workers=workers,
            scheduler=scheduler,
            dry_run=dry_run,
            **shared,
            **options,
        )
        raise typer.Exit(code)
    chosen = chosen_network(network)
    folder = OutputFolder(
        out or default_out(chosen, "backfill"), command="backfill", format=format or "jsonl"
    )
    work = _backfill(chosen, ranges, folder, dry_run=dry_run, **shared, **options)
    raise typer.Exit(run_interruptible(work))


async def _backfill(
    network: str,
    ranges: list[str],
    folder: OutputFolder,
    *,
    connect_timeout: float | None,
    dry_run: bool,
    as_json: bool,
    trust: list[str] | None,
    anchors: list[str] | None,
    **options: Unpack[BackfillOptions],
) -> int:
    choice = read_trust(trust or ())
    given = [read_anchor(text) for text in anchors or ()]
    verified = options.get("verify", True)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_network(network, connect_timeout=connect_timeout)
        )
        notary = None
        # A plan proves nothing, so nobody's signatures are fetched for it.
        if verified and not dry_run:
            notary = await stack.enter_async_context(notary_of(opened, choice, folder.path, given))
        signed_only = choice.mode == "signed"
        job = Backfill(
            opened.pool, ranges, folder, notary=notary, signed_only=signed_only, **options
        )
        await job.plan(dry_run=dry_run)
        if dry_run:
            found = await estimate(opened.pool, job.wanted, job.missing)
            tell_estimate(found, str(folder.path), as_json=as_json)
            return 0
        run = None
        if job.missing:
            run = job.start()
            with draining_on_signals(run), counting_ledgers(run, len(job.missing)):
                await run.finish()
        # Also without a run: what was there before may have gaps that no node can fill.
        report = job.conclude(run)
    seconds = run.statistics().seconds if run is not None else 0.0
    if as_json:
        say_json(report_as_json(report, str(folder.path), verified=verified, seconds=seconds))
    else:
        tell_report(report, str(folder.path), verified=verified, seconds=seconds)
    return exit_code(report, is_interrupted=run is not None and run.draining)


@asynccontextmanager
async def notary_of(
    opened: OpenNetwork,
    choice: TrustChoice,
    folder: Path,
    anchors: Sequence[tuple[int, bytes]],
) -> AsyncIterator[Notary | None]:
    """Who proves ledgers by signatures; None where no publisher is known, or hashes are enough."""
    trustees = trustees_of(choice, opened)
    if not trustees:
        yield None
        return
    from ekspiper.xrpl.attestation import clock_of, open_notary

    async with open_notary(
        opened.pool, trustees, folder=folder, anchors=anchors, clock=clock_of(opened)
    ) as notary:
        yield notary

"""`ekspiper backfill`: past ledgers into a folder."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Unpack

import typer

from ekspiper.core import draining_on_signals
from ekspiper.xrpl.attestation import (
    Trustees,
    clock_of,
    open_notary,
    read_anchor,
    read_trust,
    trustees_of,
)
from ekspiper.xrpl.backfill import Backfill, BackfillOptions, BackfillReport, Estimate, estimate
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder, default_out
from ekspiper.xrpl.verify import ONLY_HASHED

from .._interruption import run_interruptible
from .._logs import tell
from .._options import (
    Anchors,
    ConfigFile,
    ConnectTimeout,
    Json,
    Network,
    Ranges,
    Trust,
    chosen_network,
    default_out_option,
    not_empty,
    path,
)
from .._progress import counting_ledgers
from .._streams import say_json

__all__ = ["backfill", "exit_code", "report_as_json", "tell_estimate", "tell_report"]

# A screen of them; all are in the dead letters.
_NAMED = 20


def backfill(
    ranges: Ranges,
    network: Network = None,
    out: Annotated[Any, default_out_option("backfill", urls=True)] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|parquet",
            help="Format of the files. [default: jsonl; by workers, parquet]",
            show_default=False,
        ),
    ] = None,
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
    trust: Trust = None,
    anchor: Anchors = None,
    config: ConfigFile = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Fetch with N processes of this machine, to Parquet, by Dask."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="URL", parser=not_empty, help="Fetch with the workers of this Dask scheduler."
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            parser=path,
            help="With --config: folder for checkpoints and dead letters. "
            "[default: backfill, in the folder of the daemon's state]",
        ),
    ] = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Fetch past ledgers: proven, in order, without gaps.

    Run again on the same folder, it fetches only what is missing there, whatever the ranges. When
    it is interrupted before it has everything, the exit code is 1; run it again to continue.

    With --config it sends the ledgers to the collectors of that configuration, also while a daemon
    with the same configuration is running. Files and datasets get a name of their own, such as
    transactions-backfill-421-540.jsonl; a table of PostgreSQL with a key takes both.

    Where the network's publishers are known, each ledger is chained by headers to one that the
    validators have signed: of the archive, of the newest, or of --anchor. What cannot be is recorded
    without a signature; --trust signed refuses it.

    With --workers or --scheduler, processes of this machine or of a Dask cluster fetch chunks of the
    range side by side. What is there already is kept, whatever the number of workers was. --out may
    be s3://BUCKET/PREFIX, gs:// or az:// then, and also without them.

    Examples:
      ekspiper backfill 421:540 --out out/sample-month
      ekspiper backfill -160000: -n mainnet -o out/week --format parquet
      ekspiper backfill 80000000:+100000 -n ws://10.0.0.5:6006 --workers 8
      ekspiper backfill 80000000:+1000 --config ekspiper.toml
    """
    if config is not None:
        from .backfill_into import backfill_into

        if trust or anchor:
            raise typer.BadParameter(
                "with --config ledgers are recorded without signatures: --trust and --anchor do "
                "not go with it"
            )
        if out is not None or format is not None or dry_run or workers or scheduler:
            raise typer.BadParameter(
                "--config says where records go: --out, --format, --workers, --scheduler and "
                "--dry-run do not go with it"
            )
        raise typer.Exit(
            backfill_into(
                config,
                ranges,
                network=network,
                state=state,
                connect_timeout=connect_timeout,
                as_json=as_json,
                backwards=backwards,
                books=books,
                verify=verify,
                concurrency=concurrency,
            )
        )
    if state is not None:
        raise typer.BadParameter("--state goes with --config; --out DIR holds its own state")
    if workers is not None or scheduler is not None or isinstance(out, str):
        from .backfill_by_chunks import backfill_by_chunks

        if trust or anchor:
            raise typer.BadParameter(
                "chunks are proven by hashes and chained, without signatures: --trust and --anchor "
                "do not go with --workers, --scheduler and URLs"
            )
        if format not in (None, "parquet"):
            raise typer.BadParameter("workers and object stores take Parquet; leave --format out")
        raise typer.Exit(
            backfill_by_chunks(
                network,
                ranges,
                out,
                workers=workers,
                scheduler=scheduler,
                connect_timeout=connect_timeout,
                dry_run=dry_run,
                as_json=as_json,
                backwards=backwards,
                books=books,
                verify=verify,
                concurrency=concurrency,
            )
        )
    chosen = chosen_network(network)
    folder = OutputFolder(
        out or default_out(chosen, "backfill"), command="backfill", format=format or "jsonl"
    )
    work = _backfill(
        chosen,
        ranges,
        folder,
        connect_timeout=connect_timeout,
        dry_run=dry_run,
        as_json=as_json,
        backwards=backwards,
        books=books,
        verify=verify,
        concurrency=concurrency,
        trust=trust,
        anchors=anchor,
    )
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
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_network(network, connect_timeout=connect_timeout)
        )
        trustees = trustees_of(choice, opened) if options.get("verify", True) else Trustees()
        notary = None
        if trustees and not dry_run:
            notary = await stack.enter_async_context(
                open_notary(
                    opened.pool,
                    trustees,
                    folder=folder.path,
                    anchors=given,
                    clock=clock_of(opened),
                )
            )
        job = Backfill(
            opened.pool,
            ranges,
            folder,
            notary=notary,
            signed_only=choice.mode == "signed",
            **options,
        )
        await job.plan(dry_run=dry_run)
        if dry_run:
            tell_estimate(
                await estimate(opened.pool, job.wanted, job.missing),
                str(folder.path),
                as_json=as_json,
            )
            return 0
        run = None
        if job.missing:
            run = job.start()
            with draining_on_signals(run), counting_ledgers(run, len(job.missing)):
                await run.finish()
        report = job.conclude(run)
        is_interrupted = run is not None and run.draining
    seconds = run.statistics().seconds if run else 0.0
    verified = options.get("verify", True)
    if as_json:
        say_json(report_as_json(report, str(folder.path), verified=verified, seconds=seconds))
    else:
        tell_report(report, str(folder.path), verified=verified, seconds=seconds)
    return exit_code(report, is_interrupted=is_interrupted)


def exit_code(report: BackfillReport, *, is_interrupted: bool) -> int:
    """3: some ledgers failed; 1: it was interrupted before it had all of them; otherwise 0."""
    # 3 asks for somebody to look. What is only left undone is fetched by the next run: that is 1.
    if report.dead_letters or (report.failed and not is_interrupted):
        return 3
    return 1 if report.failed else 0


def tell_estimate(found: Estimate, place: str, *, as_json: bool) -> None:
    """Say what a backfill would fetch."""
    if as_json:
        say_json(
            {
                "folder": place,
                "wanted": str(found.wanted),
                "missing": str(found.missing) if found.missing else None,
                "absent": str(found.absent) if found.absent else None,
                "requests": found.requests,
                # Bytes cross the connection as hex, two digits each.
                "bytes": 2 * found.bytes,
            }
        )
        return
    tell(
        f"{len(found.wanted):,} ledgers wanted, {len(found.wanted) - len(found.missing):,} are in "
        f"{place}; missing: {found.missing}."
    )
    if found.absent:
        tell(f"No node has {len(found.absent):,} of them: {found.absent}.")
    tell(
        f"Would send {found.requests:,} requests and receive about "
        f"{2 * found.bytes / 1e6:,.1f} MB (from {found.samples} ledgers looked at)."
    )


def report_as_json(
    report: BackfillReport, place: str, *, verified: bool, seconds: float
) -> dict[str, Any]:
    """The report of a backfill, for `--json`."""
    return {
        "folder": place,
        "wanted": str(report.wanted),
        "fetched": report.fetched,
        "present": report.present,
        "transactions": report.transactions,
        "verified": verified,
        "signed": 0 if report.unsigned is None else report.fetched - report.unsigned,
        "dead_letters": report.dead_letters,
        "missing": [
            {"ledgers": str(ledgers), "reason": reason}
            for reason, ledgers in report.missing.items()
        ],
        "drift": str(report.drift),
        "seconds": round(seconds, 3),
    }


def tell_report(
    report: BackfillReport, place: str, *, verified: bool, seconds: float, can_sign: bool = True
) -> None:
    """Say how a backfill ended.

    Args:
        place: the folder, or the URL, that it wrote to.
        can_sign: whether other options would have proven the ledgers by signatures.
    """
    proof = "all verified" if verified else "not verified"
    tell(
        f"{report.fetched:,} ledgers fetched, {proof}, {report.present:,} were there before; "
        f"{report.transactions:,} transactions added in {seconds:.1f} s to {place}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
    reasons = report.missing
    for reason, ledgers in list(reasons.items())[:_NAMED]:
        tell(f"  missing {ledgers}: {reason}", style="red")
    if len(reasons) > _NAMED:
        more = sum(len(ledgers) for ledgers in list(reasons.values())[_NAMED:])
        tell(f"  and {more:,} more: see the dead letters in {place}")
    if report.failed:
        tell("Run the same command again to fetch what is missing.")
    if can_sign:
        _tell_signatures(report)
    elif report.fetched:
        tell(
            "Only hashes were checked: that these are the network's ledgers is what the nodes say."
        )


def _tell_signatures(report: BackfillReport) -> None:
    if not report.fetched:
        return
    if report.unsigned is None:
        tell(f"{ONLY_HASHED} --trust KEY=LIST proves them to the validators' signatures.")
    elif report.unsigned:
        tell(f"{report.unsigned:,} of them are not signed: {report.why_unsigned}")
    else:
        tell(f"All {report.fetched:,} are signed: they lead to ledgers of a quorum of validators.")

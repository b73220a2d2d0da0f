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
    Format,
    Json,
    Network,
    Ranges,
    Trust,
    chosen_network,
    default_out_option,
    path,
)
from .._progress import counting_ledgers
from .._streams import say_json

__all__ = ["backfill"]

# A screen of them; all are in the dead letters.
_NAMED = 20


def backfill(
    ranges: Ranges,
    network: Network = None,
    out: Annotated[Path | None, default_out_option("backfill")] = None,
    format: Format = "jsonl",
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

    Examples:
      ekspiper backfill 421:540 --out out/sample-month
      ekspiper backfill -160000: -n mainnet -o out/week --format parquet
      ekspiper backfill 80000000:+1000 --config ekspiper.toml
    """
    if config is not None:
        from .backfill_into import backfill_into

        if trust or anchor:
            raise typer.BadParameter(
                "with --config ledgers are recorded without signatures: --trust and --anchor do "
                "not go with it"
            )
        if out is not None or format != "jsonl" or dry_run:
            raise typer.BadParameter(
                "--config says where records go: --out, --format and --dry-run do not go with it"
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
    chosen = chosen_network(network)
    folder = OutputFolder(out or default_out(chosen, "backfill"), command="backfill", format=format)
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
            _tell_estimate(
                await estimate(opened.pool, job.wanted, job.missing), folder, as_json=as_json
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
        say_json(_as_json(report, folder, verified=verified, seconds=seconds))
    else:
        _tell_report(report, folder, verified=verified, seconds=seconds)
    # 3 asks for somebody to look. What is only left undone is fetched by the next run: that is 1.
    if report.dead_letters or (report.failed and not is_interrupted):
        return 3
    return 1 if report.failed else 0


def _tell_estimate(found: Estimate, folder: OutputFolder, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "folder": str(folder.path),
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
        f"{folder.path}; missing: {found.missing}."
    )
    if found.absent:
        tell(f"No node has {len(found.absent):,} of them: {found.absent}.")
    tell(
        f"Would send {found.requests:,} requests and receive about "
        f"{2 * found.bytes / 1e6:,.1f} MB (from {found.samples} ledgers looked at)."
    )


def _as_json(
    report: BackfillReport, folder: OutputFolder, *, verified: bool, seconds: float
) -> dict[str, Any]:
    return {
        "folder": str(folder.path),
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


def _tell_report(
    report: BackfillReport, folder: OutputFolder, *, verified: bool, seconds: float
) -> None:
    proof = "all verified" if verified else "not verified"
    tell(
        f"{report.fetched:,} ledgers fetched, {proof}, {report.present:,} were there before; "
        f"{report.transactions:,} transactions added in {seconds:.1f} s to {folder.path}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
    reasons = report.missing
    for reason, ledgers in list(reasons.items())[:_NAMED]:
        tell(f"  missing {ledgers}: {reason}", style="red")
    if len(reasons) > _NAMED:
        more = sum(len(ledgers) for ledgers in list(reasons.values())[_NAMED:])
        tell(f"  and {more:,} more: see {folder.path / 'dead_letters.jsonl'}")
    if report.failed:
        tell("Run the same command again to fetch what is missing.")
    _tell_signatures(report)


def _tell_signatures(report: BackfillReport) -> None:
    if not report.fetched:
        return
    if report.unsigned is None:
        tell(f"{ONLY_HASHED} --trust KEY=LIST proves them to the validators' signatures.")
    elif report.unsigned:
        tell(f"{report.unsigned:,} of them are not signed: {report.why_unsigned}")
    else:
        tell(f"All {report.fetched:,} are signed: they lead to ledgers of a quorum of validators.")

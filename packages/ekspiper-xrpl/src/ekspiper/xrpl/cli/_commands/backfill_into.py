"""`ekspiper backfill --config`: past ledgers to the collectors of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Unpack

from ekspiper.core import ConfigError, Delivery, draining_on_signals
from ekspiper.xrpl.backfill import BackfillOptions, RangeDelivery, RangeReport, lane_of
from ekspiper.xrpl.config import CollectorTable, Settings, load_settings
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.trustees import TrustChoice, read_anchor, read_trust

from .._interruption import run_interruptible
from .._invocation import this_command
from .._logs import counted, tell
from .._options import chosen_network
from .._progress import counting_ledgers
from .._streams import say_json
from .backfill import notary_of
from .backfill_report import tell_signatures

__all__ = ["backfill_into"]

# Collectors that show how things stand now: past ledgers would falsify that.
_NOW_ONLY = ("metric",)

_NAMED = 20


def backfill_into(
    config: Path,
    ranges: Sequence[str],
    *,
    network: str | None,
    state: Path | None,
    connect_timeout: float | None,
    as_json: bool,
    trust: Sequence[str] | None = None,
    anchors: Sequence[str] | None = None,
    **options: Unpack[BackfillOptions],
) -> int:
    """Send the ledgers of `ranges` to the collectors; the exit code.

    Args:
        trust: whose signatures count, in the place of what the configuration says.
        anchors: ledgers that the user says are the network's.

    Raises:
        ConfigError: the configuration has a mistake, or no collector for the records.
    """
    node = {} if connect_timeout is None else {"connect_timeout": connect_timeout}
    settings = load_settings(config, network=network, node=node)
    # Said only where nobody chose it, as by the daemon.
    if network is None and settings.network == "sample":
        chosen_network(None)
    lane = lane_of(ranges)
    # Only on request: each book of each ledger is a request of its own.
    books = ("book_offers", "amms") if options.get("books") else ()
    kinds = ("transactions", "ledgers", *books)
    tables = _tables(settings, kinds, lane)
    # Beside the daemon's state and not in it: both run at the same time, each with its own lock.
    parent = state or (settings.state_folder or Path("out")) / "backfill"
    folder = OutputFolder(parent / lane, command="backfill", option="--state", tables=())
    with folder.locked():
        return run_interruptible(
            _send(
                settings,
                ranges,
                folder,
                tables,
                kinds,
                choice=read_trust(trust or settings.trust),
                anchors=[read_anchor(text) for text in anchors or ()],
                as_json=as_json,
                **options,
            )
        )


def _tables(settings: Settings, kinds: Sequence[str], lane: str) -> list[CollectorTable]:
    """The collectors that take past ledgers, each beside the one that the daemon has."""
    found = []
    for table in settings.collector_tables:
        if table.type in _NOW_ONLY:
            tell(f"[collectors.{table.path[-1]}] is left out: it shows how things stand now.")
        elif set(table.records) & set(kinds):
            found.append(table.beside(lane))
    if settings.out is not None:
        tell(f"The files in {settings.out} are left out: they are the daemon's own.")
    if not found:
        raise ConfigError(
            "no collector of this configuration takes past ledgers; for files without a "
            "configuration: ekspiper backfill RANGE --out DIR"
        )
    return found


async def _send(
    settings: Settings,
    ranges: Sequence[str],
    folder: OutputFolder,
    tables: Sequence[CollectorTable],
    kinds: Sequence[str],
    *,
    choice: TrustChoice,
    anchors: Sequence[tuple[int, bytes]],
    as_json: bool,
    **options: Unpack[BackfillOptions],
) -> int:
    # The daemon may wait an hour for a ledger. Here somebody waits, and past ledgers are there or
    # not.
    node = settings.node.model_dump(exclude={"ledger_timeout"})
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_network(settings.network, name=settings.network_name, **node)
        )
        notary = None
        if options.get("verify", True):
            notary = await stack.enter_async_context(
                notary_of(opened, choice, folder.path, anchors)
            )
        job = RangeDelivery(
            opened.pool,
            ranges,
            folder,
            _collectors(settings, tables, kinds, opened.name),
            notary=notary,
            signed_only=choice.mode == "signed",
            **options,
        )
        await job.plan()
        run = None
        if job.left:
            run = job.start()
            with draining_on_signals(run), counting_ledgers(run, len(job.left)):
                await run.finish()
        report = job.conclude(run)
    seconds = run.statistics().seconds if run is not None else 0.0
    if as_json:
        # Records are on standard output then, and a report among them would spoil them.
        printed = any(table.type == "stdout" for table in tables)
        say_json(_as_json(report, folder, seconds=seconds), beside_records=printed)
    else:
        _tell_report(report, folder, seconds=seconds)
    if report.failed:
        return 3
    # 1, so that a scheduler runs it again; 3 would ask for a person.
    return 1 if report.left else 0


def _collectors(
    settings: Settings, tables: Sequence[CollectorTable], kinds: Sequence[str], network: str
) -> Mapping[str, Sequence[Delivery]]:
    values = {"network": network, "out": str(settings.out or ".")}
    return {
        records: [
            Delivery(table.make(records=records, **values), name=table.path[-1])
            for table in tables
            if records in table.records
        ]
        for records in kinds
    }


def _as_json(report: RangeReport, folder: OutputFolder, *, seconds: float) -> dict[str, Any]:
    return {
        "state": str(folder.path),
        "wanted": str(report.wanted),
        "sent": report.sent,
        "before": report.before,
        "left": str(report.left) if report.left else None,
        "transactions": report.transactions,
        "signed": 0 if report.unsigned is None else report.sent - report.unsigned,
        "missing": [
            {"ledgers": str(ledgers), "reason": reason}
            for reason, ledgers in report.missing.items()
        ],
        "drift": str(report.drift),
        "seconds": round(seconds, 3),
    }


def _tell_report(report: RangeReport, folder: OutputFolder, *, seconds: float) -> None:
    tell(
        f"{counted(report.sent, 'ledger')} sent, {report.before:,} were sent before; "
        f"{counted(report.transactions, 'transaction')} in {seconds:.1f} s. The state is in {folder.path}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
    for reason, ledgers in list(report.missing.items())[:_NAMED]:
        tell(f"  missing {ledgers}: {reason}", style="red")
    if report.failed:
        tell(f"Dead letters are in {folder.path / 'dead_letters.jsonl'}.")
        tell(f"To send those ledgers again, name them: {this_command()} backfill FIRST:LAST ...")
    if report.left:
        left = counted(len(report.left), "ledger")
        tell(f"Stopped on request with {left} left. Run it again to continue.")
    tell_signatures(report.sent, report.unsigned, report.why_unsigned)

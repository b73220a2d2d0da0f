"""`ekspiper verify`: audit files that were written before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekspiper.xrpl.audit import AuditReport, audit

if TYPE_CHECKING:
    from ekspiper.xrpl.attestation import Evidence

from .._logs import counted, tell
from .._options import (
    Anchors,
    ConnectTimeout,
    Json,
    KnownTo,
    Scheduler,
    TrustKeys,
    WorkerCount,
    known_network,
    path_argument,
)
from .._streams import say, say_json

__all__ = ["verify"]

_SHOWN = 20

# In what the codec says of a name that it cannot encode.
_UNKNOWN = "the definitions know no such"


def verify(
    folder: Annotated[
        Any, path_argument("DIR|URL", "A folder with records, or a place of workers.", urls=True)
    ],
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Prove every record, field by field."),
    ] = False,
    signed: Annotated[
        bool,
        typer.Option(
            "--signed", help="Prove every ledger by the validators' signatures in proofs.jsonl."
        ),
    ] = False,
    trust: TrustKeys = None,
    anchor: Anchors = None,
    network: KnownTo = None,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Check files that were written before.

    The folder's ledgers must form an unbroken chain, and no transaction may be missing. Reads JSON
    lines and Parquet, and asks no node. --deep reads the names of fields as the folder keeps them; with
    --network, as its nodes say them. Exit code 1 when something is wrong.

    --signed shows who signed each ledger, by the list that held when it closed. It needs the
    archive beside the records and the key of a publisher, which is known for named networks.

    What workers wrote, they can audit, too: --workers, --scheduler. In an object store (s3://BUCKET/PREFIX,
    gs:// or az://) it is audited chunk by chunk, with workers or without.

    Examples:
      ekspiper verify out/sample
      ekspiper verify out/sample --deep
      ekspiper verify out/mainnet --signed
      ekspiper verify s3://lake/history --deep --workers 8
    """
    definitions, network_id = known_network(network, connect_timeout)
    # Without --network the folder's own definitions count, which the audit reads itself.
    known = None if network is None else definitions
    if workers is not None or scheduler is not None or isinstance(folder, str):
        from ._by_workers import verify_by_chunks

        report = verify_by_chunks(
            folder,
            deep=deep,
            definitions=known,
            network_id=network_id,
            workers=workers,
            scheduler=scheduler,
            connect_timeout=connect_timeout,
        )
    else:
        report = audit(folder, deep=deep, definitions=known, network_id=network_id)
    # After the audit: signatures prove headers, and these must first belong to the records.
    evidence = _evidence(folder, trust, anchor) if signed else None
    if evidence is not None:
        # In one list, so that the exit code and --json know one kind of fault.
        report.faults += evidence.faults
        report.faults += (
            f"ledger {index} is not signed: {why}" for index, why in evidence.unsigned().items()
        )
    if as_json:
        say_json(_as_json(folder, report, evidence))
    else:
        _say_report(report, evidence)
        # Of signatures every line is wanted: which ledger lacks them.
        _tell_faults(report.faults, most=len(report.faults) if signed else _SHOWN)
    if report.faults:
        if not as_json and network is None and any(_UNKNOWN in fault for fault in report.faults):
            tell("Some fields are of another network, or newer than what comes with us. Give that")
            tell("network with --network, so that its nodes say what they are.")
        raise typer.Exit(1)
    if as_json:
        return
    say(
        "Every header hashes to its ledger's hash, every parent is the ledger before, "
        "and no transaction is missing."
    )
    if deep:
        say(f"Every transaction of {report.proven:,} ledgers is proven, field by field.")


def _as_json(folder: Path | str, report: AuditReport, evidence: Evidence | None) -> dict[str, Any]:
    content = {
        "folder": str(folder),
        "ledgers": str(report.ledgers) if report.ledgers else None,
        "transactions": report.transactions,
        "gaps": str(report.gaps) if report.gaps else None,
        "faults": [str(fault) for fault in report.faults],
        "proven": report.proven,
    }
    return content if evidence is None else {**content, "signed": _signed_json(evidence)}


def _say_report(report: AuditReport, evidence: Evidence | None) -> None:
    say(
        f"{counted(len(report.ledgers), 'ledger')} ({report.ledgers}), "
        f"{counted(report.transactions, 'transaction')}."
    )
    if report.gaps:
        say(f"Not there: {report.gaps}.")
    if evidence is not None:
        _say_signatures(evidence)


def _tell_faults(faults: Sequence[str], *, most: int) -> None:
    for fault in faults[:most]:
        tell(f"  {fault}")
    if len(faults) > most:
        tell(f"  and {len(faults) - most:,} more")
    if faults:
        tell(f"{counted(len(faults), 'fault')}.")


def _evidence(folder: Path | str, trust: list[str] | None, anchors: list[str] | None) -> Evidence:
    from ekspiper.xrpl.attestation import Evidence
    from ekspiper.xrpl.trustees import offline_trustees, read_anchor

    given = [read_anchor(text) for text in anchors or ()]
    trustees = offline_trustees(trust or ())
    if not isinstance(folder, str):
        return Evidence.of_folder(folder, trustees, given=given)
    from ekspiper.xrpl.cluster import proofs_beside, stored_at

    with proofs_beside(stored_at(folder)) as proofs:
        return Evidence.of_folder(proofs, trustees, given=given, records=folder)


def _say_signatures(evidence: Evidence) -> None:
    runs = evidence.runs()
    for first, last, anchor in runs[:_SHOWN]:
        say(f"  {first} to {last}: {anchor}{_until(evidence, anchor.verdict.ledger_index)}")
    if len(runs) > _SHOWN:
        say(f"  and {len(runs) - _SHOWN:,} more stretches")
    count = sum(last - first + 1 for first, last, _ in runs)
    fewest = min(
        (
            (len(each.verdict.signers), each.verdict.trusted)
            for _, _, each in runs
            if not each.given
        ),
        default=None,
    )
    by = f" by at least {fewest[0]} of {fewest[1]} validators" if fewest else ""
    say(f"{count:,} of {len(evidence.recorded):,} ledgers signed{by}.")


def _until(evidence: Evidence, ledger_index: int) -> str:
    """Until when the list holds by which a ledger is judged."""
    from ekspiper.xrpl.codec import ripple_time_iso

    signed = evidence.ledgers.get(ledger_index)
    source = signed.validator_list if signed is not None else None
    return f", which holds until {ripple_time_iso(source.expiration)}" if source else ""


def _signed_json(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "first": first,
            "last": last,
            "signed_ledger": anchor.verdict.ledger_index,
            "signers": len(anchor.verdict.signers),
            "validators": anchor.verdict.trusted,
            "list": anchor.verdict.source,
        }
        for first, last, anchor in evidence.runs()
    ]

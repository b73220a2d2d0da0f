"""What a backfill into a folder or an object store reports: before, when only planned, and after."""

from __future__ import annotations

from typing import Any

from ekspiper.xrpl.backfill import BackfillReport, Estimate
from ekspiper.xrpl.verify import ONLY_HASHED

from .._logs import counted, tell
from .._streams import say_json

__all__ = ["exit_code", "report_as_json", "tell_estimate", "tell_report", "tell_signatures"]

# A screen of them; all are in the dead letters.
_NAMED = 20


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


def tell_report(report: BackfillReport, place: str, *, verified: bool, seconds: float) -> None:
    """Say how a backfill ended.

    Args:
        place: the folder, or the URL, that it wrote to.
    """
    tell(_fetched(report, place, verified=verified, seconds=seconds))
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
    tell_signatures(report.fetched, report.unsigned, report.why_unsigned)


def _fetched(report: BackfillReport, place: str, *, verified: bool, seconds: float) -> str:
    if report.fetched:
        # Said each time: nobody should have to look up whether these were proven.
        proof = "all verified" if verified else "not verified"
        return (
            f"{counted(report.fetched, 'ledger')} fetched, {proof}, "
            f"{report.present:,} were there before; "
            f"{counted(report.transactions, 'transaction')} added in {seconds:.1f} s to {place}."
        )
    if report.failed:
        return f"No ledger was fetched; {report.present:,} were there before, in {place}."
    return f"Nothing to fetch: all {report.present:,} ledgers are in {place}."


def tell_signatures(ledgers: int, unsigned: int | None, why: str) -> None:
    """Say how many of the ledgers of this run are proven by signatures.

    Args:
        unsigned: those that are not; None where only hashes were checked.
        why: why the last of them is not.
    """
    if not ledgers:
        return
    if unsigned is None:
        tell(f"{ONLY_HASHED} --trust KEY=LIST proves them to the validators' signatures.")
    elif unsigned:
        tell(f"{unsigned:,} of them are not signed: {why}")
    else:
        these = "It is" if ledgers == 1 else "All are"
        tell(f"{these} signed, through headers that lead to the ledgers of a quorum of validators.")

"""What a daemon says when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..config import RECORDS
from .daemon import Outcome
from .progress import BOOKS, LEDGERS, TRANSACTIONS

__all__ = ["summary"]


def summary(outcome: Outcome) -> str:
    """A few lines for people: what was read, what was proven, where it is, what to try next."""
    return "\n".join(_lines(outcome))


def _has_letters(out: Path | None) -> bool:
    letters = out / "dead_letters.jsonl" if out is not None else None
    return letters is not None and letters.exists() and letters.stat().st_size > 0


def _lines(outcome: Outcome) -> Iterator[str]:
    report, steps = outcome.report, outcome.statistics.steps
    ledgers = steps[LEDGERS].items_out if LEDGERS in steps else 0
    transactions = steps[TRANSACTIONS].items_out if TRANSACTIONS in steps else 0
    books = steps[BOOKS].items_out if BOOKS in steps else 0
    last = next((each.position for each in report.sources.values()), None)
    if report.read == 0:
        stands = f"this folder was at ledger {last} already" if last else "no ledger was read"
        yield f"Nothing to do: {stands}."
    else:
        span = f" ({last - report.read + 1} to {last})" if last and not report.dropped else ""
        yield (
            f"{ledgers:,} ledgers{span}, {transactions:,} transactions and {books:,} order books "
            f"in {report.seconds:.1f} s from {outcome.network}."
        )
        if outcome.verified:
            yield (
                f"Verified: {ledgers:,} of {report.read:,} ledgers hash to their ledger hash and "
                "link to their parent, and no transaction is missing or altered."
            )
        else:
            yield "Not verified: this was switched off."
    if outcome.drift:
        yield f"Schema drift: {outcome.drift}"
        yield "What did not fit stands in the records under `_unrecognized`."
    if report.dead_lettered:
        where = f"{outcome.out}/dead_letters.jsonl" if outcome.out else "the dead letters"
        yield f"{report.dead_lettered:,} ledgers have dead letters: see {where}."
    elif _has_letters(outcome.out):
        yield (
            f"There are dead letters of before in {outcome.out}/dead_letters.jsonl; when their "
            f"cause is repaired: ekspiper redeliver --out {outcome.out}"
        )
    if report.drained:
        yield "Stopped on request; everything that was read is kept."
    if outcome.out is not None:
        yield ""
        for name in RECORDS:
            path = outcome.out / f"{name}.jsonl"
            if path.exists():
                yield f"  {path}  {path.stat().st_size / 1e6:,.1f} MB"
        yield ""
        yield f"Try next:  head -1 {outcome.out / 'transactions.jsonl'} | python3 -m json.tool"
        if outcome.network == "sample":
            yield "           ekspiper daemon --network mainnet --out out/mainnet"

"""What a daemon says when it ends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from ..config import RECORDS
from .daemon import Outcome
from .dead_letters import dead_letter_file
from .progress import BOOKS, LEDGERS, TRANSACTIONS

__all__ = ["summary"]


def summary(outcome: Outcome) -> str:
    """A few lines for people: what was read, what was proven, where it is, what to try next."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    report, steps = outcome.report, outcome.statistics.steps
    ledgers = steps[LEDGERS].items_out if LEDGERS in steps else 0
    transactions = steps[TRANSACTIONS].items_out if TRANSACTIONS in steps else 0
    books = steps[BOOKS].items_out if BOOKS in steps else 0
    last = next((each.position for each in report.sources.values()), None)
    if report.read == 0:
        yield f"Nothing to do: {_why_nothing(outcome, last)}."
    else:
        span = f" ({last - report.read + 1} to {last})" if last and not report.dropped else ""
        yield (
            f"{ledgers:,} ledgers{span}, {transactions:,} transactions and {books:,} order books "
            f"in {report.seconds:.1f} s from {outcome.network}."
        )
        if outcome.settings.pipeline.verify:
            yield (
                f"Verified: {ledgers:,} of {report.read:,} ledgers hash to their ledger hash and "
                "link to their parent, and no transaction is missing or altered."
            )
        else:
            yield "Not verified: this was switched off."
    if outcome.drift:
        yield f"Schema drift: {outcome.drift}"
        strict = outcome.settings.pipeline.strict
        where = "dead letters" if strict else "records, under `_unrecognized`"
        yield f"What did not fit is in the {where}."
    yield from _about_letters(outcome)
    if report.drained:
        yield "Stopped on request; everything that was read is kept."
    yield from _what_next(outcome)


def _why_nothing(outcome: Outcome, last: int | None) -> str:
    if not last or outcome.report.drained:
        return "no ledger was read"
    folder = outcome.settings.state_folder
    where = "this folder" if outcome.settings.out is not None else f"the state in {folder}"
    return f"{where} was at ledger {last} already"


def _about_letters(outcome: Outcome) -> Iterator[str]:
    settings = outcome.settings
    letters = dead_letter_file(settings, network=outcome.network)
    if outcome.report.dead_lettered:
        where = letters or "the dead letters"
        yield f"{outcome.report.dead_lettered:,} ledgers have dead letters: see {where}."
    elif _has_some(letters) and settings.state_folder is not None:
        folder = shlex.quote(str(settings.state_folder))
        config = "--config FILE " if settings.collectors or settings.dead_letters else ""
        yield (
            f"There are dead letters from earlier in {letters}; once their cause is fixed: "
            f"ekspiper redeliver {config}{settings.state_option} {folder}"
        )


def _has_some(letters: Path | None) -> bool:
    return letters is not None and letters.exists() and letters.stat().st_size > 0


def _what_next(outcome: Outcome) -> Iterator[str]:
    out, state = outcome.settings.out, outcome.settings.state_folder
    if out is None:
        if state is not None and outcome.report.read:
            yield f"Start it again to resume where it stopped: the state is in {state}."
        return
    yield ""
    for name in RECORDS:
        path = out / f"{name}.jsonl"
        if path.exists():
            yield f"  {path}  {path.stat().st_size / 1e6:,.1f} MB"
    yield ""
    file = shlex.quote(str(out / "transactions.jsonl"))
    yield f"Try next:  head -1 {file} | python3 -m json.tool"
    if outcome.network == "sample":
        yield "           ekspiper daemon --network mainnet --out out/mainnet"

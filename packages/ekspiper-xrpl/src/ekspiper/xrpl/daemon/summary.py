"""What a daemon says when it ends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ekspiper.xrpl.config import RECORDS

from ..verify import ONLY_HASHED
from .daemon import Outcome
from .dead_letters import dead_letter_file

__all__ = ["summary", "summary_as_json"]

_LEDGERS = "ledger-details/ledger-details"
_TRANSACTIONS = "transaction-record/etl"
_BOOKS = "book-offers-record/fetch-book-offers"


def summary(outcome: Outcome, *, program: str = "ekspiper") -> str:
    """A few lines for people: what was read, what was proven, where it is, what to try next.

    Args:
        program: what to type for the command line.
    """
    return "\n".join(_lines(outcome, program))


def summary_as_json(outcome: Outcome) -> dict[str, Any]:
    """The same for programs."""
    report, settings = outcome.report, outcome.settings
    first, last = _span(outcome)
    return {
        "network": outcome.network,
        "ledgers": _made(outcome, _LEDGERS),
        "first": first,
        "last": last,
        "transactions": _made(outcome, _TRANSACTIONS),
        "order_books": _made(outcome, _BOOKS),
        "verified": settings.pipeline.verify,
        "signed": bool(outcome.signed),
        "dead_lettered": report.dead_lettered,
        "dropped": report.dropped,
        "drained": report.drained,
        "drift": str(outcome.drift),
        "state": str(settings.state_folder) if settings.state_folder else None,
        "seconds": round(report.seconds, 3),
    }


def _made(outcome: Outcome, place: str) -> int:
    step = outcome.statistics.steps.get(place)
    return step.items_out if step else 0


def _span(outcome: Outcome) -> tuple[int | None, int | None]:
    """The first and the last ledger that were read, where that is sure."""
    report = outcome.report
    last = next((each.position for each in report.sources.values()), None)
    # The position stays before an item that was dropped: counting back from it would be wrong.
    if not last or not report.read or report.dropped:
        return None, None
    return last - report.read + 1, last


def _lines(outcome: Outcome, program: str) -> Iterator[str]:
    report = outcome.report
    ledgers, transactions = _made(outcome, _LEDGERS), _made(outcome, _TRANSACTIONS)
    books = _made(outcome, _BOOKS)
    last = next((each.position for each in report.sources.values()), None)
    if report.read == 0:
        yield f"Nothing to do: {_why_nothing(outcome, last)}."
    else:
        first, to = _span(outcome)
        span = f" ({first} to {to})" if to else ""
        yield (
            f"{ledgers:,} ledgers{span}, {transactions:,} transactions and {books:,} order books "
            f"in {report.seconds:.1f} s from {outcome.network}."
        )
        if outcome.settings.pipeline.verify:
            yield (
                f"Verified: {ledgers:,} of {report.read:,} ledgers hash to their ledger hash and "
                "link to their parent, and no transaction is missing or altered."
            )
            if outcome.signed:
                yield (
                    f"Signed: {ledgers:,} of {report.read:,} ledgers signed by at least "
                    f"{outcome.signed} validators."
                )
        else:
            yield "Not verified: this was switched off."
    if outcome.drift:
        yield f"Schema drift: {outcome.drift}"
        strict = outcome.settings.pipeline.strict
        where = "dead letters" if strict else "records, under `_unrecognized`"
        yield f"What did not fit is in the {where}."
    yield from _about_letters(outcome, program)
    if report.drained:
        yield "Stopped on request; everything that was read is kept."
    yield from _what_next(outcome, program)
    if report.read and not outcome.signed:
        yield f"{ONLY_HASHED} --trust KEY=LIST proves them to the validators' signatures."


def _why_nothing(outcome: Outcome, last: int | None) -> str:
    if not last or outcome.report.drained:
        return "no ledger was read"
    folder = outcome.settings.state_folder
    where = "this folder" if outcome.settings.out is not None else f"the state in {folder}"
    return f"{where} was at ledger {last} already"


def _about_letters(outcome: Outcome, program: str) -> Iterator[str]:
    settings = outcome.settings
    letters = dead_letter_file(settings, network=outcome.network)
    if outcome.report.dead_lettered:
        where = letters or "the dead letters"
        yield f"{outcome.report.dead_lettered:,} ledgers have dead letters: see {where}."
    # Letters of this run are named above; these are of an earlier one.
    elif _has_some(letters) and settings.state_folder is not None:
        folder = shlex.quote(str(settings.state_folder))
        config = "--config FILE " if settings.collectors or settings.dead_letters else ""
        yield (
            f"There are dead letters from earlier in {letters}; once their cause is fixed: "
            f"{program} redeliver {config}{settings.state_option} {folder}"
        )


def _has_some(letters: Path | None) -> bool:
    return letters is not None and letters.exists() and letters.stat().st_size > 0


def _what_next(outcome: Outcome, program: str) -> Iterator[str]:
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
        yield f"           {program} daemon --network mainnet --out out/mainnet"

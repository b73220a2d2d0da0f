"""Says why no ledger is signed, in words that tell the operator what to do."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable

from ekspiper.core import Reminder
from ekspiper.xrpl.trust import ValidationTally

from .list_store import ListStore

__all__ = ["SigningWatch"]

log = logging.getLogger("ekspiper.xrpl.attestation")

_HASHED = 'or set trust = "hashed" to record what nodes say without signatures'


class SigningWatch:
    """Notes when a ledger was signed, and what was heard, and judges the silence since.

    Args:
        lists: of the publishers.
        patience: seconds without a new signed ledger after which something is wrong.
    """

    def __init__(self, lists: ListStore, *, patience: float) -> None:
        self._lists = lists
        self._patience = patience
        self._moved = 0.0
        self._silence = Reminder()
        self._has_said = False
        self._conflict = ""
        self._conflicts = Reminder()
        self.refused = ""
        """Why nodes give no streams."""
        self.counts: Counter[str] = Counter()
        """Validations by what became of them: `counted`, or the reason why not."""
        self.newest_signed = 0

    def moved(self) -> None:
        """Note that a newer ledger is signed, or that listening begins."""
        self._moved = asyncio.get_running_loop().time()

    def compare(self, ledger_index: int, signed: str, said: object) -> None:
        """Hold a signed hash against what the nodes say of that ledger.

        Args:
            signed: the hash that validators have signed, upper-case hex.
            said: what a node says it is; anything but text says nothing.
        """
        if not isinstance(said, str):
            return
        if said.upper() == signed:
            self._conflict = ""
            return
        self._conflict = (
            f"a node says that ledger {ledger_index} is {said.upper()}, but the validators have "
            f"signed {signed}: its ledger is forged and is not recorded; give another node"
        )
        now = asyncio.get_running_loop().time()
        if self._conflicts.is_due("conflict", now):  # one line for all its ledgers
            log.error("%s", self._conflict)

    def problem(self, tallies: Iterable[ValidationTally]) -> str:
        """Why nothing can be recorded; empty when all is well.

        That is: no ledger has been signed for longer than the patience, or the nodes give others.
        """
        if self._conflict:
            return self._conflict
        still = asyncio.get_running_loop().time() - self._moved
        return "" if still < self._patience else f"{self._why(list(tallies))} (for {still:.0f} s)"

    def _why(self, tallies: list[ValidationTally]) -> str:
        if not tallies:
            return f"no validator list holds: {self._lists.why_none()}, {_HASHED}"
        counts = self.counts
        if not counts:
            why = f" ({self.refused})" if self.refused else ""
            return f"no node gives validations{why}: give another node, {_HASHED}"
        if set(counts) == {"without data"}:
            return (
                "nodes give validations without their bytes, as servers before version 2.0 do: "
                f"give another node, {_HASHED}"
            )
        if not counts["counted"]:
            sources = ", ".join(tally.validators.source for tally in tallies)
            return (
                f"no validation that nodes give counts for {sources}: {_said(counts)}; "
                "is this another network, or has its list changed?"
            )
        best = "; ".join(map(_best, tallies))
        return f"no ledger has a quorum: {best}; the newest signed one is {self.newest_signed}"

    async def watch(self, tallies: dict[bytes, ValidationTally]) -> None:
        """Say what is wrong: when it begins, and once a minute."""
        while True:
            # A quarter of it, where a test or a notebook is less patient than a second.
            await asyncio.sleep(min(1.0, self._patience / 4))
            if problem := self.problem(tallies.values()):
                self._has_said = True
                if problem != self._conflict:  # which was said when it was seen
                    self.say(f"ledgers are not signed, so nothing is recorded: {problem}")
            elif self._has_said:
                self._has_said = False
                self._silence.forget()
                log.info("signed ledgers are recorded again: the newest is %d", self.newest_signed)

    def say(self, text: str) -> None:
        """Log a warning, at most once a minute."""
        now = asyncio.get_running_loop().time()
        if self._silence.is_due("silence", now):  # whose seconds differ in each line
            log.warning("%s", text)


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(3))


def _best(tally: ValidationTally) -> str:
    """How near the newest ledgers have come to a quorum."""
    newest = max(tally.last_seen.values(), default=0)
    votes = max(tally.candidates(newest).values(), default=0)
    validators = tally.validators
    return (
        f"ledger {newest} is signed by {votes} of {len(validators)} validators of "
        f"{validators.source}, {validators.quorum} are needed"
    )

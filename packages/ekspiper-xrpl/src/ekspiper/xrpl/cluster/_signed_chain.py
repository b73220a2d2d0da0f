"""Follows the chain from ledgers that are signed down through files of ledgers, in any order."""

from __future__ import annotations

from typing import NamedTuple

from ekspiper.xrpl.processors import LedgerLink

__all__ = ["SignedChain", "Span"]


class Span(NamedTuple):
    """Ledgers of one file without a gap between them, whose inner chain is known to hold."""

    first: LedgerLink
    last: LedgerLink


class SignedChain:
    """What is proven: a span is when its last ledger is the parent of one that is proven."""

    def __init__(self) -> None:
        self._expected: dict[int, str] = {}
        self._waiting: dict[int, Span] = {}

    @property
    def waiting(self) -> list[Span]:
        """The spans to which no chain leads so far, the newest first."""
        return [self._waiting[index] for index in sorted(self._waiting, reverse=True)]

    def expect(self, ledger_index: int, ledger_hash: str) -> None:
        """Note that a ledger is proven."""
        self._expected[ledger_index] = ledger_hash

    def add(self, span: Span) -> None:
        """Wait for a chain that leads to these ledgers."""
        self._waiting[span.last.ledger_index] = span

    def give_up(self, span: Span) -> None:
        """Wait for that no more."""
        self._waiting.pop(span.last.ledger_index, None)

    def above(self, ledger_index: int) -> tuple[int, str] | None:
        """The next ledger from there on that is proven, and its hash."""
        found = min((index for index in self._expected if index >= ledger_index), default=None)
        return None if found is None else (found, self._expected[found])

    def follow(self) -> tuple[list[Span], dict[Span, str]]:
        """Spans that are proven now; and those that contradict what is signed, with the reason."""
        proven: list[Span] = []
        contradicted: dict[Span, str] = {}
        for index in sorted(self._waiting.keys() & self._expected.keys(), reverse=True):
            at = index
            # One proven span may be the key to many below it, which came earlier.
            while (span := self._waiting.get(at)) is not None:
                del self._waiting[at]
                expected = self._expected.pop(at)
                if span.last.ledger_hash != expected:
                    # What follows below must still be provable, by headers from nodes.
                    self._expected[at] = expected
                    contradicted[span] = (
                        f"ledger {at} is {span.last.ledger_hash}, but {expected} is signed"
                    )
                    break
                proven.append(span)
                # Its first ledger names its parent, so that one is proven now, whatever file it is
                # in.
                at = span.first.ledger_index - 1
                self._expected[at] = span.first.parent_hash
        return proven, contradicted

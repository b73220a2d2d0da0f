"""Proves what workers have fetched by the validators' signatures, before it is published."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from ekspiper.core.chunks import Chunk
from ekspiper.xrpl.attestation import Notary, NotSigned, ProvenHash
from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.processors import LedgerLink

from ._headers import Headers
from ._signed_chain import SignedChain, Span

__all__ = ["Signing", "spans_of"]

log = logging.getLogger("ekspiper")


class Signing:
    """Holds each chunk back until the chain leads to it from a ledger that is signed.

    One verdict, about the last ledger of a range, covers all before it: the chain within a chunk is
    checked by its worker, and here from chunk to chunk. Only where a chunk is missing are headers
    asked for, to get past it.

    Args:
        notary: proves the last ledgers.
        signed_only: fail where one cannot be proven; without, its range is recorded as hashed.
        most_held: chunks that are held back at a time.
    """

    def __init__(self, notary: Notary, *, signed_only: bool, most_held: int) -> None:
        self._notary = notary
        self._signed_only = signed_only
        self._most_held = most_held
        self._chain = SignedChain()
        self._runs: list[tuple[int, int, int]] = []
        self._chunks: dict[Span, Chunk] = {}
        self._held: dict[Chunk, set[Span]] = {}
        self.faults: dict[int, str] = {}
        """Ledgers that were there before, and are not those that are signed."""
        self.why_unsigned = ""
        """Why the last range that is recorded as hashed cannot be proven."""

    async def begin(self, wanted: LedgerSet, present: Iterable[Span]) -> tuple[LedgerLink, ...]:
        """Prove the last ledger of each range; what workers must know of the ledgers after them.

        Args:
            wanted: all ledgers, those that are there already among them.
            present: those that are there, whose signatures nobody asks for again.

        Raises:
            NotSigned: one cannot be proven, and only signed ledgers are wanted.
        """
        for span in present:
            self._chain.add(span)
        known = []
        # The newest first: what proves it often leads to the others as well.
        for first, last in reversed(wanted.ranges):
            proven = await self._notary.try_to_prove(last, ahead=last)
            if proven is None:
                self.why_unsigned = (
                    self._notary.problem() or "no later ledger that is signed leads to it"
                )
                if self._signed_only:
                    raise NotSigned(f"ledger {last} is not signed: {self.why_unsigned}")
                log.warning(
                    "ledgers %d to %d are recorded without signatures: %s",
                    first,
                    last,
                    self.why_unsigned,
                )
                continue
            # So that the folder proves itself.
            await self._notary.keep_last(proven.signed_by)
            self._runs.append((first, last, proven.signed_by))
            ledger_hash = proven.ledger_hash.hex().upper()
            self._chain.expect(last, ledger_hash)
            # As if it were the ledger after: a worker then refuses a chunk that ends with another
            # hash.
            known.append(LedgerLink(last + 1, "", ledger_hash))
        self._follow()
        return tuple(known)

    @property
    def signers(self) -> tuple[tuple[int, int, int], ...]:
        """First and last of the ledgers that will be proven, and the ledger that proves them."""
        return tuple(self._runs)

    def signed(self, ledgers: LedgerSet) -> int:
        """How many of these ledgers are proven, as nothing else is published."""
        runs = LedgerSet.of((first, last) for first, last, _ in self._runs)
        return len(ledgers) - len(ledgers.without(runs))

    def is_wanted(self, chunk: Chunk) -> bool:
        """Whether a chunk has to wait for signatures."""
        return any(first <= chunk.first <= last for first, last, _ in self._runs)

    async def add(self, chunk: Chunk, headers: Headers) -> tuple[list[Chunk], dict[Chunk, str]]:
        """Hold a chunk back; those that are proven now, and those that contradict what is signed."""
        spans = spans_of(headers)
        self._held[chunk] = set(spans)
        for span in spans:
            self._chunks[span] = chunk
            self._chain.add(span)
        found = self._follow()
        # Chunks end in any order, so the one that is missing is probably under way.
        if len(self._held) <= self._most_held:
            return found
        return _joined(found, await self._past_what_is_missing())

    async def finish(self) -> tuple[list[Chunk], dict[Chunk, str]]:
        """The same for all that are held back; none is held any more."""
        found = self._follow()
        while self._held:
            found = _joined(found, await self._past_what_is_missing())
        return found

    async def _past_what_is_missing(self) -> tuple[list[Chunk], dict[Chunk, str]]:
        """Prove the newest ledger that nothing leads to, by the headers of nodes."""
        span = next(span for span in self._chain.waiting if span in self._chunks)
        last = span.last.ledger_index
        above = self._chain.above(last)
        signer = next((by for first, end, by in self._runs if first <= last <= end), last)
        # The headers are read from the lowest ledger that is proven, not from the end of the range.
        if above is not None:
            index, ledger_hash = above
            self._notary.chain.note(ProvenHash(index, bytes.fromhex(ledger_hash), signer))
        proven = await self._notary.try_to_prove(last, ahead=last)
        if proven is None:
            self._chain.give_up(span)
            chunk = self._drop(span)
            why = self._notary.problem() or "no later ledger that is signed leads to it"
            return [], {chunk: f"ledger {last} is not signed: {why}"}
        self._chain.expect(last, proven.ledger_hash.hex().upper())
        return self._follow()

    def _follow(self) -> tuple[list[Chunk], dict[Chunk, str]]:
        proven, contradicted = self._chain.follow()
        refused = {}
        for span, why in contradicted.items():
            if span in self._chunks:
                refused[self._drop(span)] = why
            # It is in the store already, and nothing is removed from there: the report names it.
            else:
                self.faults[span.last.ledger_index] = why
        whole = []
        for span in proven:
            chunk = self._chunks.pop(span, None)
            if chunk is not None and chunk in self._held:
                self._held[chunk].discard(span)
                # Not before all its spans are proven: one file is one decision.
                if not self._held[chunk]:
                    del self._held[chunk]
                    whole.append(chunk)
        return whole, refused

    def _drop(self, span: Span) -> Chunk:
        chunk = self._chunks[span]
        self._held.pop(chunk, None)
        for other in [each for each, of in self._chunks.items() if of == chunk]:
            del self._chunks[other]
            # A chunk is published whole or not at all, so its other spans go with it.
            self._chain.give_up(other)
        return chunk


def spans_of(headers: Headers) -> list[Span]:
    """The ledgers of one file, without the gaps between them."""
    links: Mapping[int, LedgerLink] = {link.ledger_index: link for link in headers.links}
    return [Span(links[first], links[last]) for first, last in headers.ledgers.ranges]


def _joined(
    one: tuple[list[Chunk], dict[Chunk, str]], other: tuple[list[Chunk], dict[Chunk, str]]
) -> tuple[list[Chunk], dict[Chunk, str]]:
    return [*one[0], *other[0]], {**one[1], **other[1]}

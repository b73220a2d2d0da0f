"""Ledgers of a source, each with its hash as the validators signed it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

from ekspiper.core import EkspiperError, Source
from ekspiper.xrpl.sources import LedgerRef

from .notary import Notary
from .proven_chain import ProvenHash

__all__ = ["NotSigned", "SignedLedgers"]

log = logging.getLogger("ekspiper.xrpl.attestation")

# Headers read at once for ledgers that are wanted from the newest to the oldest.
_CHUNK = 4096


class NotSigned(EkspiperError):
    """A ledger that had to be signed and cannot be proven; the message says why."""


class SignedLedgers(Source[LedgerRef]):
    """Passes on what another source yields, as soon as it is proven by signatures.

    While a ledger is not proven, nothing is yielded: the reader waits, and no ledger is
    given up.

    Args:
        source: which ledgers, in which order.
        notary: proves them.
        first: the lowest ledger that `source` yields, where its ledgers are all in the past.
        otherwise: what becomes of a ledger that cannot be proven for the moment: `wait` for it,
            `fail`, or `pass` it on without a signature.
    """

    def __init__(
        self,
        source: Source[LedgerRef],
        notary: Notary,
        *,
        first: int | None = None,
        otherwise: str = "wait",
    ) -> None:
        self._source = source
        self._notary = notary
        self._first = first
        self._otherwise = otherwise
        self._position: Any = None
        self._time: float | None = None
        self._signers: set[int] = set()
        self.unsigned = 0
        """How many ledgers were passed on without a signature."""
        self.why_unsigned = ""
        """Why the last of them could not be proven."""

    @property
    def position(self) -> Any:
        """The position of the ledger yielded last."""
        return self._position

    @property
    def identity(self) -> str:
        """What the source reads."""
        return self._source.identity

    @property
    def time(self) -> float | None:
        """When the ledger yielded last closed."""
        return self._time

    @property
    def lag(self) -> float | None:
        """How far the source is behind."""
        return self._source.lag

    async def open(self) -> None:
        """Open the source."""
        await self._source.open()

    async def close(self) -> None:
        """Close the source, and keep the proof of the last ledger: it proves those before it."""
        if self._position is not None and isinstance(self._position, int):
            await self._notary.keep_last(self._position)
        await self._source.close()

    async def resume(self, position: Any) -> None:
        """Go on after a position."""
        await self._source.resume(position)

    async def begin(self) -> Any:
        """The position before the first ledger."""
        return await self._source.begin()

    def __aiter__(self) -> AsyncGenerator[LedgerRef]:
        """The ledgers.

        Raises:
            NotSigned: one cannot be proven, and `otherwise` is `fail`.
        """
        return self._refs()

    async def _refs(self) -> AsyncGenerator[LedgerRef]:
        async for ref in self._source:
            proven = await self._proven(ref.ledger_index)
            self._position, self._time = self._source.position, self._source.time
            if proven is None:
                yield ref
                continue
            yield LedgerRef(
                ref.ledger_index,
                proven.ledger_hash.hex().upper(),
                ref.close_time,
                proven.signed_by,
            )

    async def _proven(self, index: int) -> ProvenHash | None:
        if self._otherwise == "wait":
            return await self._notary.proven(index)
        proven = await self._notary.try_to_prove(index, ahead=self._ahead(index))
        if proven is None:
            why = self._notary.problem() or "no later ledger that is signed leads to it"
            if self._otherwise == "fail":
                raise NotSigned(f"ledger {index} is not signed: {why}")
            if not self.unsigned:
                log.warning("ledger %d and others are recorded without signatures: %s", index, why)
            self.unsigned += 1
            self.why_unsigned = why
        elif proven.signed_by not in self._signers:
            # The proof from which the others follow is kept, so that the folder proves itself.
            self._signers.add(proven.signed_by)
            await self._notary.keep_last(proven.signed_by)
        return proven

    def _ahead(self, index: int) -> int:
        """How far down to read headers when this ledger is wanted."""
        return index if self._first is None else max(self._first, index - _CHUNK)

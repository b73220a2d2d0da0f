"""Writes the proofs of signed ledgers to the archive, before anybody relies on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ekspiper.core import in_thread
from ekspiper.xrpl.trust import SignedLedger, ValidationTally, read_header
from ekspiper.xrpl.trustees import Trustees

from .header_reader import HeaderReader
from .proof_archive import ProofArchive
from .proven_chain import ProvenHash

__all__ = ["FULLER_AFTER", "ProofKeeper"]

FULLER_AFTER = 4
"""Ledgers after which the last validations of one have come."""

# One proves the ledgers before it as well, by their headers, so this keeps the archive small.
_FLAG = 256


class ProofKeeper:
    """Keeps the proof of one ledger in 256, or of each.

    Args:
        archive: where to; None: nowhere.
        each: keep every proof.
        tallies: where the validations are.
    """

    def __init__(
        self,
        archive: ProofArchive | None,
        *,
        each: bool,
        headers: HeaderReader,
        trustees: Trustees,
        tallies: Callable[[], Iterable[ValidationTally]],
    ) -> None:
        self._archive = archive
        self._every = 1 if each else _FLAG
        self._headers = headers
        self._trustees = trustees
        self._tallies = tallies
        self._counts: dict[int, int] = {}
        self._writing = asyncio.Lock()

    async def keep(self, proven: ProvenHash, *, anyway: bool = False) -> None:
        """Write the proof of a ledger if it is one to keep.

        It is written before anybody hears that the ledger is proven: a kill in between leaves a
        proof too many, never one too few.

        Args:
            anyway: also when it is not one in 256, as the last one before the daemon ends.
        """
        index = proven.ledger_index
        if self._archive is None or proven.signed_by != index:
            return
        if (index % self._every and not anyway) or index in self._counts:
            return
        async with self._writing:
            if index <= self._archive.newest:
                return
            signed = await self.signed(proven)
            if signed is not None:
                await in_thread(self._archive.add, signed)
                self._counts[index] = len(signed.validations)

    def is_kept(self, ledger_index: int) -> bool:
        """Whether a proof has been written that could be a fuller one now."""
        return ledger_index in self._counts

    async def keep_fuller(self, proven: ProvenHash) -> None:
        """Write a proof again when more validators have signed since."""
        count = self._counts.pop(proven.ledger_index, None)
        if self._archive is None or count is None:
            return
        signed = await self.signed(proven)
        if signed is not None and len(signed.validations) > count:
            async with self._writing:
                await in_thread(self._archive.add, signed)

    async def signed(self, proven: ProvenHash) -> SignedLedger | None:
        """A ledger with the validations that there are of it; None when they do not suffice."""
        index, ledger_hash = proven.ledger_index, proven.ledger_hash
        for tally in self._tallies():
            if tally.signed_hash(index) != ledger_hash:
                continue
            header = await self._headers.one(index, ledger_hash)
            validators = tally.validators
            source = validators.validator_list
            listed = {each.data for each in source.manifests} if source else set()
            return SignedLedger(
                header=read_header(header.data),
                validations=tuple(tally.validations(index, ledger_hash)),
                validator_list=source,
                manifests=tuple(
                    each for each in validators.keys.manifests() if each.data not in listed
                ),
                validators=() if source else self._trustees.validators,
            )
        return None

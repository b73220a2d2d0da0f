"""Counts validations while they come, from many nodes and in any order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .errors import BadSignature
from .manifest import Manifest
from .validation import Validation
from .validator_set import ValidatorSet, Verdict

__all__ = ["Counted", "ValidationTally"]

_LEDGERS_KEPT = 256  # some validations come minutes late, a ledger closes every 4 seconds
_HASHES_OF_ONE = 2  # a validator that is out of step may sign another ledger of the same index
_WAITING = 1024  # validations by keys that are not known yet

Votes = dict[bytes, dict[bytes, Validation]]
"""By ledger hash and validator."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of a validation.

    Attributes:
        master: the validator that sent it; None when no trusted one did.
        verdict: of its ledger, when this validation completed the quorum.
        reason: why it does not count; empty when it does.
    """

    master: bytes | None = None
    verdict: Verdict | None = None
    reason: str = ""


class ValidationTally:
    """Collects the validations of a set of validators until ledgers have a quorum.

    Memory is bounded: the newest 256 validations of each trusted validator are kept, so none of them
    can push out what others said. Of all others, the newest 1,024 wait for a manifest that may make
    their key known.

    Args:
        validators: who is trusted.
        ledgers: how many validations of each are kept.
    """

    def __init__(self, validators: ValidatorSet, *, ledgers: int = _LEDGERS_KEPT) -> None:
        self.validators = validators
        self._limit = ledgers
        self._votes: dict[int, Votes] = {}
        self._order: dict[bytes, deque[tuple[int, bytes]]] = {}
        self._signed: dict[int, bytes] = {}
        self._waiting: deque[Validation] = deque(maxlen=_WAITING)
        self.last_seen: dict[bytes, int] = {}
        """The newest ledger that each validator has signed."""

    def add(self, validation: Validation) -> Counted:
        """Take a validation. Its signature is checked only where its key is trusted."""
        master = self.validators.keys.master_of(validation.signing_key)
        if master is None:
            self._waiting.append(validation)
            return Counted(reason="not trusted")
        if not validation.full:
            return Counted(master, reason="not full")
        votes = self._votes.get(validation.ledger_index, {})
        # Each node sends the same validation, so most are copies: they must not cost a check each.
        if master in votes.get(validation.ledger_hash, ()):
            return Counted(master, reason="doubled")
        if sum(master in signers for signers in votes.values()) >= _HASHES_OF_ONE:
            return Counted(master, reason="of a third ledger with the same index")
        try:
            validation.check()
        except BadSignature:
            return Counted(master, reason="wrong signature")
        self._keep(validation, master)
        return Counted(master, self._new_verdict(validation))

    def add_manifest(self, manifest: Manifest) -> list[Counted]:
        """Take a newer manifest of a validator, and count what has waited for it.

        Raises:
            KeyConflict: its signing key is that of another validator.
        """
        if not self.validators.keys.add(manifest) or manifest.signing_key is None:
            return []
        ready = [each for each in self._waiting if each.signing_key == manifest.signing_key]
        return [self.add(validation) for validation in ready]

    def signed_hash(self, ledger_index: int) -> bytes | None:
        """The hash that has a quorum at this index, if it is still kept."""
        return self._signed.get(ledger_index)

    def validations(self, ledger_index: int, ledger_hash: bytes) -> list[Validation]:
        """The validations of a ledger that count, those that came after the quorum included."""
        return list(self._votes.get(ledger_index, {}).get(ledger_hash, {}).values())

    def candidates(self, ledger_index: int) -> dict[bytes, int]:
        """How many validators have signed each hash of an index."""
        return {hash: len(signers) for hash, signers in self._votes.get(ledger_index, {}).items()}

    def adopt(self, validators: ValidatorSet) -> list[Verdict]:
        """Count for a new set of validators from now on; the verdicts that this brings."""
        self.validators = validators
        kept = [
            validation
            for votes in self._votes.values()
            for signers in votes.values()
            for validation in signers.values()
        ]
        # Signing keys may be other ones now, so all are counted again. `_signed` stays: a ledger
        # that was reported as signed is not reported twice.
        self._votes, self._order = {}, {}
        counted = [self.add(validation) for validation in (*kept, *list(self._waiting))]
        return [each.verdict for each in counted if each.verdict is not None]

    def _keep(self, validation: Validation, master: bytes) -> None:
        index = validation.ledger_index
        self.last_seen[master] = max(index, self.last_seen.get(master, 0))
        votes = self._votes.setdefault(index, {})
        votes.setdefault(validation.ledger_hash, {})[master] = validation
        order = self._order.setdefault(master, deque())
        order.append((index, validation.ledger_hash))
        # By validator, not in all: one that floods us with ledgers forgets only its own.
        if len(order) > self._limit:
            self._forget(master, *order.popleft())

    def _forget(self, master: bytes, index: int, hash: bytes) -> None:
        """Drop one validation, and what is left empty by it."""
        votes = self._votes[index]
        del votes[hash][master]
        if not votes[hash]:
            del votes[hash]
        if not votes:
            del self._votes[index]
            self._signed.pop(index, None)

    def _new_verdict(self, validation: Validation) -> Verdict | None:
        index, hash = validation.ledger_index, validation.ledger_hash
        signers = self._votes.get(index, {}).get(hash, {})
        # Validations that come after the quorum are kept as well: they make the proof in the
        # archive fuller.
        if len(signers) < self.validators.quorum or self._signed.get(index) == hash:
            return None
        self._signed[index] = hash
        return Verdict(
            ledger_index=index,
            ledger_hash=hash,
            signers=tuple(sorted(signers)),
            trusted=len(self.validators),
            quorum=self.validators.quorum,
            source=self.validators.source,
            refused={},
        )

"""The validators that are trusted at a time, and the verdict that their signatures give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .errors import BadSignature, NotProven
from .key_book import KeyBook
from .keys import key_text
from .manifest import Manifest
from .validation import Validation
from .validator_list import ValidatorList

__all__ = ["ValidatorSet", "Verdict", "quorum_of"]

_CLOCKS = 600  # seconds that a validator's clock may differ from the ledger's close time


def quorum_of(validators: int) -> int:
    """How many of a number of validators must sign: 80 %, rounded up.

    rippled asks for fewer while some are on the negative UNL. That needs a proof of the object
    `NegativeUNL`; without it, this is never less strict.
    """
    return max(1, -(-validators * 4 // 5))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who signed a ledger, and whether they suffice.

    Attributes:
        ledger_index: of the ledger.
        ledger_hash: of the ledger.
        signers: master keys of the trusted validators that signed it.
        trusted: how many validators are trusted.
        quorum: how many of them must sign.
        source: who names them, such as `list 84 of nHBe4vqSAzjpPRLKwSFzRFtmvzXaf5wPPmuVrQCAoJoS1zskgDA4`.
        refused: why validations did not count, and how many of each.
    """

    ledger_index: int
    ledger_hash: bytes
    signers: tuple[bytes, ...] = field(repr=False)
    trusted: int
    quorum: int
    source: str
    refused: dict[str, int]

    @property
    def signed(self) -> bool:
        """Whether the ledger is proven."""
        return len(self.signers) >= self.quorum

    def require(self) -> None:
        """Refuse a ledger that is not signed.

        Raises:
            NotProven: says by how many it is signed, and why other signatures do not count.
        """
        if not self.signed:
            raise NotProven(str(self))

    def __str__(self) -> str:
        text = (
            f"ledger {self.ledger_index} is signed by {len(self.signers)} of {self.trusted} "
            f"validators of {self.source}"
        )
        if not self.signed:
            text += f", which is fewer than {self.quorum}"
        if self.refused:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.refused.items())
            text += f" (not counted: {reasons})"
        return text


class ValidatorSet:
    """Validators that are trusted together, and with which keys they sign.

    Args:
        validators: their master keys.
        manifests: what is known of their signing keys.
        source: who names them, for messages.
        validator_list: where they are named by a publisher's list.
    """

    def __init__(
        self,
        validators: Sequence[bytes],
        manifests: Iterable[Manifest] = (),
        *,
        source: str,
        validator_list: ValidatorList | None = None,
    ) -> None:
        self.keys = KeyBook(validators, manifests)
        self.quorum = quorum_of(len(self.keys))
        self.source = source
        self.validator_list = validator_list

    @classmethod
    def of_list(
        cls, validator_list: ValidatorList, manifests: Iterable[Manifest] = ()
    ) -> ValidatorSet:
        """The validators of a publisher's list.

        Args:
            manifests: newer ones than those in the list.
        """
        return cls(
            validator_list.validators,
            (*validator_list.manifests, *manifests),
            source=str(validator_list),
            validator_list=validator_list,
        )

    def __len__(self) -> int:
        return len(self.keys)

    def judge(
        self,
        validations: Iterable[Validation],
        *,
        ledger_index: int,
        ledger_hash: bytes,
        close_time: int | None = None,
    ) -> Verdict:
        """Count who signed a ledger. Every signature is checked; each validator counts once.

        Args:
            close_time: of a ledger of the past. Validations that were signed more than ten minutes
                from it do not count, as another list may have held then.
        """
        signers: dict[bytes, None] = {}
        refused: Counter[str] = Counter()
        for validation in validations:
            # The signature comes last: checking one takes longer than everything else here.
            master = self.keys.master_of(validation.signing_key)
            reason = None
            if master is None:
                reason = "by keys that are not trusted"
            elif (validation.ledger_index, validation.ledger_hash) != (ledger_index, ledger_hash):
                reason = "of another ledger"
            elif not validation.full:
                reason = "not full"
            elif close_time is not None and abs(validation.signing_time - close_time) > _CLOCKS:
                reason = "of another time"
            elif master in signers:
                reason = "doubled"
            else:
                try:
                    validation.check()
                    signers[master] = None
                except BadSignature:
                    reason = "with a wrong signature"
            if reason is not None:
                refused[reason] += 1
        return Verdict(
            ledger_index=ledger_index,
            ledger_hash=ledger_hash,
            signers=tuple(sorted(signers)),
            trusted=len(self),
            quorum=self.quorum,
            source=self.source,
            refused=dict(refused),
        )

    def masters(self) -> tuple[bytes, ...]:
        """The master keys of the validators."""
        return self.keys.masters()

    def describe_signer(self, master: bytes) -> str:
        """A validator by its domain where it claims one, else by its key."""
        manifest = self.keys.manifest_of(master)
        return manifest.domain if manifest is not None and manifest.domain else key_text(master)

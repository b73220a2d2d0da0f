"""A ledger with everything that proves it: the list, the manifests and the validations."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from ekspiper.xrpl.codec import CodecError, LedgerHeader

from .errors import Malformed, NotProven
from .keys import key_text
from .manifest import Manifest
from .validation import Validation
from .validator_list import ValidatorList
from .validator_set import ValidatorSet, Verdict

__all__ = ["SignedLedger", "read_header"]


@dataclass(frozen=True, slots=True)
class SignedLedger:
    """A ledger header and the signatures under it. `verdict` judges them.

    Attributes:
        header: the ledger's, 118 bytes.
        validations: those of validators of the list.
        validator_list: the publisher's list that held when the ledger closed.
        manifests: of validators whose keys changed after the list was published.
        validators: master keys that are trusted, where the ledger is signed without a list.
    """

    header: LedgerHeader
    validations: tuple[Validation, ...] = field(repr=False)
    validator_list: ValidatorList | None = None
    manifests: tuple[Manifest, ...] = field(repr=False, default=())
    validators: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def ledger_index(self) -> int:
        """The index of the ledger."""
        return self.header.ledger_index

    @property
    def ledger_hash(self) -> bytes:
        """The hash of the header, computed."""
        return self.header.ledger_hash

    def verdict(self, trusted: Container[bytes]) -> Verdict:
        """Count the signatures, by the list that held when the ledger closed.

        Args:
            trusted: master keys of publishers; or those of validators, for a ledger without a list.

        Raises:
            NotProven: the list is by a publisher that is not trusted, or did not hold then.
            KeyConflict: two validators have the same signing key.
        """
        return self.validator_set(trusted).judge(
            self.validations,
            ledger_index=self.ledger_index,
            ledger_hash=self.ledger_hash,
            close_time=self.header.close_time,
        )

    def validator_set(self, trusted: Container[bytes]) -> ValidatorSet:
        """Those who could sign the ledger."""
        if self.validator_list is None:
            strangers = [key for key in self.validators if key not in trusted]
            if strangers or not self.validators:
                who = ", ".join(map(key_text, strangers[:3])) or "nobody"
                raise NotProven(
                    f"ledger {self.ledger_index} has no validator list, and names {who}, "
                    "who is not trusted"
                )
            return ValidatorSet(self.validators, self.manifests, source="the given validators")
        publisher = self.validator_list.publisher
        if publisher not in trusted:
            raise NotProven(
                f"the list of ledger {self.ledger_index} is published by {key_text(publisher)} "
                f"({publisher.hex().upper()}), which is not trusted"
            )
        # By the time of the ledger, not by the time of day: a proof stays good when its list has
        # expired.
        self.validator_list.check_time(self.header.close_time)
        return ValidatorSet.of_list(self.validator_list, self.manifests)


def read_header(data: bytes) -> LedgerHeader:
    """The header in 118 bytes; else `Malformed`."""
    try:
        return LedgerHeader.from_bytes(data)
    except CodecError as error:
        raise Malformed(str(error)) from error

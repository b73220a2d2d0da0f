"""What a portable proof proves, whatever its format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ekspiper.xrpl.codec import LedgerHeader

from .errors import BadSignature, NotProven
from .keys import key_text
from .pruned_tree import Leaf, TreeKind
from .signed_ledger import SignedLedger
from .validator_set import Verdict

__all__ = ["Proof", "ProvenLeaf", "Trusted", "check_owners", "judge_anchor"]

Trusted = Mapping[bytes, int | None]
"""Master keys of publishers, each with the id of its network where that is known."""


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """A transaction or an object that is proven to be in a ledger.

    Attributes:
        kind: `tx` or `state`.
        leaf: its key and its bytes.
        header: of the ledger.
    """

    kind: TreeKind
    leaf: Leaf
    header: LedgerHeader

    def __str__(self) -> str:
        what = "Transaction" if self.kind == "tx" else "Object"
        where = f"ledger {self.header.ledger_index} ({self.header.close_time_iso})"
        return f"{what} {self.leaf.key.hex().upper()} is in {where}"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds.

    Attributes:
        format: `XPRV` or `XPOP`.
        anchor: the ledger that is signed.
        verdict: who signed it.
        leaves: what is proven, in the order of the proof.
    """

    format: str
    anchor: SignedLedger = field(repr=False)
    verdict: Verdict
    leaves: tuple[ProvenLeaf, ...]

    def __str__(self) -> str:
        what = "; ".join(map(str, self.leaves)) or f"Ledger {self.anchor.ledger_index} is proven"
        verdict = str(self.verdict)
        return f"{what}. {verdict[0].upper()}{verdict[1:]}."


def judge_anchor(anchor: SignedLedger, trusted: Trusted, *, network_id: int | None) -> Verdict:
    """The verdict about the signed ledger of a proof.

    Each validation in a proof must be genuine. Those of validators that are not on the list are
    ignored, as other tools put all that they saw into a proof.

    Raises:
        NotProven: the publisher is not trusted, or is that of another network; the list did not
            hold then; a validation does not belong there; or too few validators signed.
        BadSignature: a validation is not signed by its key.
    """
    verdict = anchor.verdict(trusted)
    # Also those that the quorum does not need, and those whose key nobody trusts.
    for validation in anchor.validations:
        validation.check()
    # A verifier that accepts rubbish beside a quorum invites attacks on its parser, so a proof has
    # nothing that it does not need. Keys that are not trusted are the exception: a list may have
    # changed since.
    strange = [reason for reason in verdict.refused if reason != "by keys that are not trusted"]
    if strange:
        raise NotProven(f"the proof has validations that do not belong there: {verdict}")
    verdict.require()
    publisher = anchor.validator_list.publisher if anchor.validator_list else None
    known = trusted.get(publisher) if publisher is not None else None
    if publisher is not None and None not in (known, network_id) and known != network_id:
        raise NotProven(
            f"the proof says that it is of network {network_id}, but {key_text(publisher)} "
            f"publishes the list of network {known}"
        )
    return verdict


def check_owners(validations: Iterable[tuple[bytes, bytes]]) -> None:
    """Check that each validation stands under the key that signed it."""
    for named, signing_key in validations:
        if named != signing_key:
            raise BadSignature(
                f"the validation of {key_text(named)} is signed by {key_text(signing_key)}"
            )

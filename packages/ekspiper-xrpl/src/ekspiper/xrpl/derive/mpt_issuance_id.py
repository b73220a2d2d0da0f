"""The id of the multi-purpose token that a transaction creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.xrpl.codec import decode_address

from .errors import derivation

__all__ = ["issuance_id", "mpt_issuance_id"]


@derivation("the id of an MPT issuance")
def mpt_issuance_id(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> str | None:
    """The id that a successful MPTokenIssuanceCreate gives its issuance; None for all others.

    The sequence (or ticket) of the transaction in 4 bytes, then the issuer.

    Raises:
        DerivationError: the fields or the metadata lack what is needed.

    Source: `makeMptID` in rippled's `Indexes.cpp`.
    """
    if fields["TransactionType"] != "MPTokenIssuanceCreate":
        return None
    if meta["TransactionResult"] != "tesSUCCESS":
        return None
    return issuance_id(fields["Sequence"] or fields.get("TicketSequence", 0), fields["Account"])


@derivation("the id of an MPT issuance")
def issuance_id(sequence: int, issuer: str) -> str:
    """The id of an issuance, from its own `Sequence` and `Issuer`.

    Raises:
        DerivationError: one of them is not what it should be.
    """
    return f"{sequence:08X}{decode_address(issuer).hex().upper()}"

"""Identifiers: of a transaction by its place (ctid), and of an MPT that a transaction creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.xrpl.codec import decode_address

from .errors import derivation

__all__ = ["ctid", "issuance_id", "mpt_issuance_id", "parse_ctid"]

# The first digit says what kind of identifier it is: XLS-37.
_C = 0xC
_MAX_LEDGER_INDEX = 0x0FFFFFFF
_MAX_UINT16 = 0xFFFF


def ctid(ledger_index: int, transaction_index: int, network_id: int) -> str | None:
    """The identifier of a transaction; None where one of the numbers does not fit.

    `C`, the ledger index in 28 bits, the place in the ledger and the network id in 16 bits each.

    Source: https://xrpl.org/docs/references/protocol/ctid and rippled's `encodeCTID`.
    """
    if (
        0 <= ledger_index <= _MAX_LEDGER_INDEX
        and 0 <= transaction_index <= _MAX_UINT16
        and 0 <= network_id <= _MAX_UINT16
    ):
        return f"{_C << 60 | ledger_index << 32 | transaction_index << 16 | network_id:X}"
    return None


def parse_ctid(text: str) -> tuple[int, int, int]:
    """Ledger index, place in the ledger and network id of an identifier.

    Raises:
        ValueError: it is not `C` and 15 hex digits.
    """
    if len(text) != 16 or text[0] not in "Cc":
        raise ValueError(f"a ctid is C and 15 hex digits, not {text!r}")
    number = int(text[1:], 16)
    return number >> 32, number >> 16 & _MAX_UINT16, number & _MAX_UINT16


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
    # With a ticket the Sequence is 0, and the number of the ticket takes its place.
    return issuance_id(fields["Sequence"] or fields.get("TicketSequence", 0), fields["Account"])


@derivation("the id of an MPT issuance")
def issuance_id(sequence: int, issuer: str) -> str:
    """The id of an issuance, from its own `Sequence` and `Issuer`.

    Raises:
        DerivationError: one of them is not what it should be.
    """
    return f"{sequence:08X}{decode_address(issuer).hex().upper()}"

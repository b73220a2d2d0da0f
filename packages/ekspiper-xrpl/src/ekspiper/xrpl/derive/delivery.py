"""What a payment delivered, which for a partial payment is less than its `Amount`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import derivation

__all__ = [
    "DELIVERING",
    "UNAVAILABLE",
    "delivered_amount",
    "delivers_in_full",
    "in_record_shape",
]

UNAVAILABLE = "unavailable"
"""What a server prints where the ledger does not say how much was delivered."""

DELIVERING = frozenset({"Payment", "CheckCash", "AccountDelete"})
"""The transaction types that deliver an amount."""

# Of mainnet, and when it closed: https://xrpl.org/docs/concepts/payment-types/partial-payments
_FIRST_LEDGER = 4_594_095
_FIRST_CLOSE_TIME = 446_000_000


@derivation("what a payment delivered")
def delivered_amount(
    fields: Mapping[str, Any],
    meta: Mapping[str, Any],
    *,
    ledger_index: int,
    close_time: int | None = None,
) -> Any:
    """The amount that a Payment, CheckCash or AccountDelete delivered, in the shape it has there.

    Metadata holds `DeliveredAmount` where it differs from `Amount`, since ledger 4594095 (closed
    2014-01-20). In earlier ledgers a payment without it may have been partial, so its amount is
    unavailable. Networks that restarted their count are recognised by the close time. The amount is
    also unavailable if the decoder could not read the metadata to its end, where the result stands.

    Args:
        fields: the transaction's own fields.
        meta: its metadata.
        ledger_index: the ledger it is in.
        close_time: when that ledger closed, in seconds of the ledger's epoch.

    Returns:
        An amount, `"unavailable"`, or None for a transaction that delivers nothing.

    Raises:
        DerivationError: the fields or the metadata are not shaped as records are.

    Source: `getDeliveredAmount` in rippled's `DeliveredAmount.cpp`.
    """
    if fields.get("TransactionType") not in DELIVERING:
        return None
    result = meta.get("TransactionResult")
    if result is None:  # the metadata was not read to its end: `DeliveredAmount` may be in the rest
        return UNAVAILABLE
    # A payment that failed is in the ledger for its fee, and delivered nothing.
    if result != "tesSUCCESS":
        return None
    delivered = meta.get("DeliveredAmount")
    if delivered is not None:
        return delivered
    amount = fields.get("Amount")
    in_full = amount is not None and delivers_in_full(ledger_index, close_time)
    return amount if in_full else UNAVAILABLE


def delivers_in_full(ledger_index: int, close_time: int | None) -> bool:
    """Whether metadata without `DeliveredAmount` means that all of `Amount` was delivered."""
    return ledger_index >= _FIRST_LEDGER or (close_time or 0) > _FIRST_CLOSE_TIME


def in_record_shape(delivered: Any, amount: Mapping[str, str] | None) -> Any:
    """What `delivered_amount` gave, as a record holds it: `"unavailable"` has the shape of amounts.

    Args:
        amount: the transaction's own `Amount`, in record shape, which says of which token.
    """
    if delivered != UNAVAILABLE:
        return delivered
    return {**(amount or {"currency": "XRP", "issuer": ""}), "value": UNAVAILABLE}

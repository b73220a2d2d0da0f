"""One line for each payment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.derive import (
    MALFORMED,
    DerivationError,
    currency_name,
    delivered_amount,
    error_text,
    trades,
)
from ekspiper.xrpl.ledger import Transaction

__all__ = ["PaymentSummary", "payment_summary"]

_PARTIAL = 0x0002_0000
_UNREADABLE = "part of the payment is of a type that the definitions do not know"


class PaymentSummary(Processor[Transaction, dict[str, Any]]):
    """Transaction -> the summary of a payment; every other transaction is filtered."""

    async def process(self, item: Transaction) -> tuple[dict[str, Any], ...]:
        """The summary of one payment, a failed one included.

        A transaction that cannot be decoded may be a payment: its summary is its place, and why.
        """
        try:
            if item.fields.get("TransactionType") != "Payment":
                return ()
            return (payment_summary(item),)
        except MALFORMED as error:
            return ({**_place(item), "problem": error_text(error)},)


def payment_summary(payment: Transaction) -> dict[str, Any]:
    """What a payment was meant to do, what it did, and on which way.

    A `currency` is shown by its name where it has one that is safe to show, and `currency_code` is
    what the ledger has: a summary is for people. `paths` counts the paths that the sender gave, and
    `path_lengths` their steps; the direct path, which is always tried, is not among them.
    `offers_consumed` and `amms_consumed` count what it traded with, `offers` and `amms` name them:
    by index, and by the pool's account. If the metadata does not say what it traded with, they are
    left out, and `problem` says why. `problem` also says when part of the payment could not be read.
    """
    fields, meta, ledger = payment.fields, payment.meta, payment.ledger
    paths = fields.get("Paths", ())
    delivered = delivered_amount(
        fields, meta, ledger_index=ledger.ledger_index, close_time=ledger.header.close_time
    )
    summary = {
        **_place(payment),
        "result": meta.get("TransactionResult"),
        "account": fields.get("Account"),
        "destination": fields.get("Destination"),
        "destination_tag": fields.get("DestinationTag"),
        "amount": _named(fields.get("Amount")),
        "send_max": _named(fields.get("SendMax")),
        "delivered_amount": _named(delivered),
        "partial": bool(fields.get("Flags", 0) & _PARTIAL),
        "paths": len(paths),
        "path_lengths": [len(path["steps"]) for path in paths],
        "problem": None if payment.is_readable else _UNREADABLE,
        **_consumed(fields, meta),
    }
    # What does not apply is left out: people read these lines.
    return {name: value for name, value in summary.items() if value is not None}


def _named(amount: Any) -> Any:
    """The amount with the name of its currency; an MPT, which has no currency, as it is."""
    if not isinstance(amount, Mapping) or not amount.get("currency"):
        return amount
    code = amount["currency"]
    return {**amount, "currency": currency_name(code).text, "currency_code": code}


def _place(payment: Transaction) -> dict[str, Any]:
    ledger = payment.ledger
    return {
        "ledger_index": ledger.ledger_index,
        "ledger_hash": ledger.ledger_hash,
        "close_time_iso": ledger.close_time_iso,
        "transaction_index": payment.index,
        "hash": payment.hash,
    }


def _consumed(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    try:
        made = trades(fields, meta)
    except DerivationError as error:
        return {"problem": str(error)}
    offers = [trade["offer_index"] for trade in made if trade["source"] == "offer"]
    amms = [trade["maker"] for trade in made if trade["source"] == "amm"]
    return {
        "offers_consumed": len(offers),
        "offers": offers,
        "amms_consumed": len(amms),
        "amms": amms,
    }

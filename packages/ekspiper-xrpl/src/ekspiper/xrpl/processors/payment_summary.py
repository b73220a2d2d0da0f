"""One line for each payment."""

from __future__ import annotations

from typing import Any

from ekspiper.core import Processor
from ekspiper.xrpl.derive.delivered_amount import delivered_amount
from ekspiper.xrpl.derive.trades import trades
from ekspiper.xrpl.ledger import Transaction

__all__ = ["PaymentSummary", "payment_summary"]

_PARTIAL = 0x0002_0000


class PaymentSummary(Processor[Transaction, dict[str, Any]]):
    """Transaction -> the summary of a payment; every other transaction is filtered."""

    async def process(self, item: Transaction) -> tuple[dict[str, Any], ...]:
        """The summary of one payment, a failed one included."""
        return (payment_summary(item),) if item.fields["TransactionType"] == "Payment" else ()


def payment_summary(payment: Transaction) -> dict[str, Any]:
    """What a payment was to do, what it did, and on which way.

    `paths` are those that the sender gave, `path_lengths` their steps; the path that goes without
    saying is not among them. `offers_consumed` and `amms_consumed` count what it traded with,
    `offers` and `amms` name them: by index, and by the pool's account.
    """
    fields, meta, ledger = payment.fields, payment.meta, payment.ledger
    paths = fields.get("Paths", ())
    made = trades(fields, meta)
    offers = [trade["offer_index"] for trade in made if trade["source"] == "offer"]
    amms = [trade["maker"] for trade in made if trade["source"] == "amm"]
    summary = {
        "ledger_index": ledger.ledger_index,
        "ledger_hash": ledger.ledger_hash,
        "close_time_iso": ledger.close_time_iso,
        "transaction_index": payment.index,
        "hash": payment.hash,
        "result": meta["TransactionResult"],
        "account": fields["Account"],
        "destination": fields["Destination"],
        "destination_tag": fields.get("DestinationTag"),
        "amount": fields["Amount"],
        "send_max": fields.get("SendMax"),
        "delivered_amount": delivered_amount(
            fields,
            meta,
            ledger_index=ledger.ledger_index,
            close_time=ledger.header.close_time,
        ),
        "partial": bool(fields.get("Flags", 0) & _PARTIAL),
        "paths": len(paths),
        "path_lengths": [len(path["steps"]) for path in paths],
        "offers_consumed": len(offers),
        "offers": offers,
        "amms_consumed": len(amms),
        "amms": amms,
    }
    return {name: value for name, value in summary.items() if value is not None}

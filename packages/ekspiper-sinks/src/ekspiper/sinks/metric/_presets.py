"""The presets of metrics: transactions, ledgers and order books."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .metric_rule import MetricRule

__all__ = ["PRESETS", "best_quality", "close_lag", "currency", "preset_of"]

# Drops. Most pay the lowest fee; the rest spreads over six powers of ten.
_FEES = (10, 12, 15, 20, 50, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_PER_LEDGER = (0, 1, 10, 25, 50, 75, 100, 150, 200, 300, 500, 1_000)


def preset_of(record: Mapping[str, Any]) -> str | None:
    """Which preset a record belongs to, by the fields it has; None where it is neither."""
    if "TransactionType" in record:
        return "transactions"
    if "taker_gets" in record and "offers" in record:
        return "book_offers"
    if "close_time_iso" in record and "ledger_index" in record:
        return "ledgers"
    return None


def close_lag(record: Mapping[str, Any], *, now: Callable[[], float] = time.time) -> float | None:
    """Seconds between the close of a ledger and now; None for a ledger without a close time."""
    closed = record.get("close_time_iso")
    if closed is None:
        return None
    return now() - datetime.fromisoformat(closed).timestamp()


def currency(amount: Any) -> str:
    """One side of a book as a label: `XRP`, `USD.rIssuer`, or an MPT issuance id."""
    if not isinstance(amount, Mapping):
        raise ValueError(f"one side of a book is {amount!r:.80}, not a currency")
    if issuance := amount.get("mpt_issuance_id"):
        return str(issuance)
    issuer = amount.get("issuer")
    return f"{amount.get('currency', '')}.{issuer}" if issuer else str(amount.get("currency", ""))


def best_quality(record: Mapping[str, Any]) -> float | None:
    """The lowest price among a book's offers: what takers pay for one unit of what they get.

    XRP counts in drops on either side, as in rippled's `quality`. None for an empty book.
    """
    return min((float(offer["quality"]) for offer in record["offers"]), default=None)


_BOOK: Mapping[str, Callable[[Any], str]] = {
    "taker_gets": lambda record: currency(record.get("taker_gets")),
    "taker_pays": lambda record: currency(record.get("taker_pays")),
}

PRESETS: Mapping[str, tuple[MetricRule, ...]] = {
    "transactions": (
        MetricRule(
            name="xrpl_transactions_total",
            kind="counter",
            help="Transactions by type and result code",
            labels={"type": "TransactionType", "result": "meta.TransactionResult"},
        ),
        MetricRule(
            name="xrpl_fees_drops_total",
            kind="counter",
            help="Fees destroyed, in drops, by transaction type",
            value="Fee.value",
            labels={"type": "TransactionType"},
        ),
        MetricRule(
            name="xrpl_fee_drops",
            kind="histogram",
            help="Fee of a transaction, in drops",
            value="Fee.value",
            buckets=_FEES,
        ),
    ),
    "ledgers": (
        MetricRule(name="xrpl_ledgers_total", kind="counter", help="Validated ledgers"),
        MetricRule(
            name="xrpl_ledger_transactions",
            kind="histogram",
            help="Transactions in a ledger",
            value="transaction_count",
            buckets=_PER_LEDGER,
        ),
        MetricRule(
            name="xrpl_ledger_close_lag_seconds",
            kind="gauge",
            help="Time between the close of the last ledger and its record here",
            value=close_lag,
        ),
        MetricRule(
            name="xrpl_ledger_index",
            kind="gauge",
            help="Index of the last ledger",
            value="ledger_index",
        ),
    ),
    "book_offers": (
        MetricRule(
            name="xrpl_books_total",
            kind="counter",
            help="Order books read",
        ),
        MetricRule(
            name="xrpl_book_offers",
            kind="gauge",
            help="Offers in a book, as many as the server gave",
            value=lambda record: len(record["offers"]),
            labels=_BOOK,
        ),
        MetricRule(
            name="xrpl_book_best_quality",
            kind="gauge",
            help="Best price in a book: taker pays for one unit of taker gets, XRP in drops",
            value=best_quality,
            labels=_BOOK,
        ),
    ),
}

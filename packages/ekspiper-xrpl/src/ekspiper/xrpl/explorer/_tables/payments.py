"""The table of payments: what arrived, and what it cost the sender."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.derive import BALANCE_NODES, balance_changes, delivers_in_full
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import Asset

from .._assets import XRP, amount_cells, units
from .column import columns
from .table import Blobs, TransactionTable
from .transactions import delivered, place

__all__ = ["TABLE"]

_COLUMNS = columns(
    ledger_index="Int64",
    TransactionIndex="Int64",
    close_time="time",
    hash="string",
    Account="string",
    Destination="string",
    DestinationTag="Int64",
    delivered="Float64",
    currency="category",
    currency_code="string",
    issuer="string",
    delivered_value="string",
    gained="Float64",
    gained_value="string",
    spent="Float64",
    spent_currency="category",
    spent_currency_code="string",
    spent_issuer="string",
    spent_value="string",
    kind="category",
    partial="boolean",
    Fee="Float64",
    Fee_drops="Int64",
)
"""`kind` is `xrp`, `token` (one asset all the way) or `exchange` (the sender paid with another).
`delivered` is what the ledger says was delivered, `gained` by how much the receiver's balance of
that asset rose. They differ where the payment took an offer of the receiver, or where the receiver's
trust line has a quality. `spent` is what left the sender, without the fee; `partial`: less was
delivered than asked."""

_DROPS = 1_000_000
_PARTIAL = 0x0002_0000


def _rows(transaction: Transaction) -> Iterator[tuple[Any, ...]]:
    """The row of a transaction, if it is a payment that succeeded."""
    fields, meta = transaction.fields, transaction.meta
    # A failed one has moved nothing but its fee.
    if fields["TransactionType"] != "Payment" or meta["TransactionResult"] != "tesSUCCESS":
        return
    fee = int(fields["Fee"]["value"])
    arrived = delivered(transaction)
    changes = balance_changes(meta)
    spent = _spent(fields, changes, fee)
    gained = _gained(fields, changes)
    yield (
        *place(transaction),
        fields["Account"],
        fields["Destination"],
        fields.get("DestinationTag"),
        *arrived,
        *((units(gained), gained["value"]) if gained else (None, None)),
        *amount_cells(spent),
        _kind(fields, spent),
        bool(fields.get("Flags", 0) & _PARTIAL) and arrived[-1] != fields["Amount"]["value"],
        fee / _DROPS,
        fee,
    )


def _gained(
    fields: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """What the receiver's balance of the asset rose by; None for an issuer that took it back."""
    wanted = Asset.of(fields["Amount"])
    for change in changes:
        if change["account"] == fields["Destination"] and _is_of(change, wanted):
            # Tokens that come back to their issuer lower what it owes; its own assets do not grow.
            return None if change["value"].startswith("-") else change
    return None


def _spent(
    fields: Mapping[str, Any], changes: Iterable[Mapping[str, Any]], fee: int
) -> Mapping[str, Any] | None:
    """What left the sender: the balance that fell, or, of an issuer, the debt that grew."""
    sender = fields["Account"]
    # What the sender meant to pay with; without SendMax it is what should arrive.
    wanted = Asset.of(fields.get("SendMax") or fields["Amount"])
    lost = []
    for change in changes:
        if change["account"] != sender:
            continue
        # Where the sender acts by a delegate, that one pays the fee.
        pays_fee = fields.get("Delegate", sender) == sender
        if pays_fee and change["currency"] == "XRP" and not change["issuer"]:
            change = {**change, "value": str(int(change["value"]) + fee)}
        if change["value"].startswith("-"):
            lost.append({**change, "value": change["value"][1:]})
    # That asset first: the balance of another may have fallen because an offer of the sender was
    # taken.
    lost.sort(key=lambda change: not _is_of(change, wanted))
    return lost[0] if lost else None


def _is_of(change: Mapping[str, Any], asset: Asset) -> bool:
    if asset.mpt_issuance_id or change.get("mpt_issuance_id"):
        return bool(change.get("mpt_issuance_id") == asset.mpt_issuance_id)
    # Without the issuer: the change is of a trust line, which names the account at its other end.
    return bool(change["currency"] == asset.currency)


def _kind(fields: Mapping[str, Any], spent: Mapping[str, Any] | None) -> str:
    wanted = Asset.of(fields["Amount"])
    if spent is not None and not _is_of(spent, wanted):
        return "exchange"
    return "xrp" if wanted == XRP else "token"


def _scan(reader: Any, out: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
    assert ledger.definitions is not None
    index, closed = ledger.ledger_index, ledger.header.close_time
    done: int = reader.payments(
        out,
        blobs,
        first,
        ledger.definitions.transaction_types["Payment"],
        index,
        closed + RIPPLE_EPOCH,
        delivers_in_full(index, closed),
    )
    return done


TABLE = TransactionTable(_COLUMNS, _rows, BALANCE_NODES, _scan)

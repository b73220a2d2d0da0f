"""The history of one account: every transaction that touched it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekspiper.xrpl.codec import decode_address
from ekspiper.xrpl.derive import balance_changes
from ekspiper.xrpl.ledger import Ledger, Transaction

from .._assets import amount_text, units
from .column import columns
from .table import Blobs, TransactionTable
from .transactions import place

__all__ = ["of_account", "touches"]

_COLUMNS = columns(
    ledger_index="Int64",
    TransactionIndex="Int64",
    close_time="time",
    hash="string",
    TransactionType="category",
    TransactionResult="category",
    role="category",
    other="string",
    xrp_change="Float64",
    xrp_change_drops="Int64",
    xrp_balance="Float64",
    tokens="string",
)
"""`role` is `sender`, `destination` or `affected`; `other` is the account at the other end, if there
is one; `xrp_balance` is the balance afterwards, if the transaction changed it."""

_DROPS = 1_000_000
# Fields by which an entry belongs to an account; a trust line has its two ends instead.
_OWNERS = ("Account", "Owner", "Destination", "Issuer", "RegularKey")
_SIDES = ("LowLimit", "HighLimit")


def of_account(account: str) -> TransactionTable:
    """The table of the transactions that touched an account."""
    key = decode_address(account)

    def scan(reader: Any, _: Any, ledger: Ledger, blobs: Blobs, first: int) -> int:
        """Passes over transactions in whose bytes the account does not stand."""
        found: int = reader.touching(blobs, first, key)
        return found

    return TransactionTable(_COLUMNS, lambda each: _rows(each, account), None, scan)


def touches(transaction: Transaction, account: str) -> bool:
    """Whether the account sent it, received it, or owns an entry that it changed."""
    fields = transaction.fields
    # These two first, as they spare the look through the metadata.
    if account in (fields["Account"], fields.get("Destination")):
        return True
    return any(
        _is_of(node, account)
        for element in transaction.meta["AffectedNodes"]
        for node in element.values()
    )


def _rows(transaction: Transaction, account: str) -> Iterator[tuple[Any, ...]]:
    """The row of a transaction, if it touched the account."""
    if not touches(transaction, account):
        return
    fields, meta = transaction.fields, transaction.meta
    own = [each for each in balance_changes(meta) if each["account"] == account]
    # In drops, as a sum of floats would not be exact.
    xrp = sum(int(each["value"]) for each in own if _is_xrp(each))
    index, place_in_ledger, close_time, name = place(transaction)
    role, other = _role(fields, account)
    yield (
        index,
        place_in_ledger,
        close_time,
        name,
        str(fields["TransactionType"]),
        str(meta["TransactionResult"]),
        role,
        other,
        xrp / _DROPS,
        xrp,
        _balance(meta, account),
        ", ".join(_signed(each) for each in own if not _is_xrp(each)),
    )


def _role(fields: Mapping[str, Any], account: str) -> tuple[str, str | None]:
    if fields["Account"] == account:
        return "sender", fields.get("Destination")
    return ("destination" if fields.get("Destination") == account else "affected"), fields[
        "Account"
    ]


def _is_of(node: Mapping[str, Any], account: str) -> bool:
    # A node that was created has only new fields, and one that was threaded may have none.
    shown = node.get("FinalFields") or node.get("NewFields") or {}
    if any(shown.get(name) == account for name in _OWNERS):
        return True
    return any(shown.get(side, {}).get("issuer") == account for side in _SIDES)


def _balance(meta: Mapping[str, Any], account: str) -> float | None:
    for element in meta["AffectedNodes"]:
        for change, node in element.items():
            shown = node.get("FinalFields") or node.get("NewFields") or {}
            if node["LedgerEntryType"] == "AccountRoot" and shown.get("Account") == account:
                # Its last balance is still shown, but it went to another account.
                return 0.0 if change == "DeletedNode" else int(shown["Balance"]["value"]) / _DROPS
    return None


def _is_xrp(change: Mapping[str, Any]) -> bool:
    return change["currency"] == "XRP" and not change["issuer"]


def _signed(change: Mapping[str, Any]) -> str:
    return ("+" if (units(change) or 0) > 0 else "") + amount_text(change)

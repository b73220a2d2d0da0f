"""How the balances of all accounts changed: XRP, issued currencies, MPTs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ekspiper.xrpl.codec.address import decode_address

from .nodes import Node, changes
from .values import AssetKey, add, difference, value_of, with_value

__all__ = ["balance_changes"]

_XRP: AssetKey = ("XRP", "", "")
_ZERO = Decimal(0)
Delta = tuple[str, AssetKey, Decimal]


def balance_changes(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes of balances that a transaction made, its fee included.

    A trust line changes both its ends: the holder gains `{currency, issuer: the other}`, and the
    other gains the same with the opposite sign, issued by the holder. An issuer's balance of an
    MPT is what is outstanding, negative. XRP in escrows and payment channels belongs to no account
    meanwhile, and neither do amounts of tokens in escrow.

    Args:
        meta: metadata in record shape.

    Returns:
        `{"account", "currency", "issuer", "value"}` (and `mpt_issuance_id`) for each account and
        asset whose balance changed, in order; `value` is the change, XRP in drops.
    """
    totals: dict[tuple[str, AssetKey], Decimal] = {}
    for node in changes(meta, *_READERS):
        for account, asset, delta in _READERS[node.type](node):
            key = (account, asset)
            totals[key] = add(totals.get(key, _ZERO), delta)
    return [
        {"account": account, **with_value(asset, total)}
        for (account, asset), total in sorted(totals.items())
        if total
    ]


def _account_root(node: Node) -> Iterator[Delta]:
    delta = _amount_delta(node, "Balance")
    if delta:
        yield node.get("Account"), _XRP, delta


def _trust_line(node: Node) -> Iterator[Delta]:
    """A line's balance is the low account's; its sign is turned for the high one."""
    delta = _amount_delta(node, "Balance")
    if delta:
        low, high = node.get("LowLimit")["issuer"], node.get("HighLimit")["issuer"]
        currency = node.get("Balance")["currency"]
        yield low, (currency, high, ""), delta
        yield high, (currency, low, ""), -delta


def _amount_delta(node: Node, name: str) -> Decimal:
    if node.change == "created":
        return value_of(node.now.get(name))
    if name not in node.before:
        return _ZERO
    return difference(value_of(node.now.get(name)), value_of(node.before[name]))


def _token(node: Node) -> Iterator[Delta]:
    delta = _count_delta(node, "MPTAmount")
    if delta:
        yield node.get("Account"), ("", "", node.get("MPTokenIssuanceID")), delta


def _issuance(node: Node) -> Iterator[Delta]:
    delta = _count_delta(node, "OutstandingAmount")
    if delta:
        issuer = node.get("Issuer")
        issuance = f"{node.get('Sequence'):08X}{decode_address(issuer).hex().upper()}"
        yield issuer, ("", "", issuance), -delta


def _count_delta(node: Node, name: str) -> Decimal:
    """The change of a field that is left out while it is zero.

    Metadata does not show that such a field was left out before: it shows an empty list of
    changes, which can only mean this field's first value.
    """
    now = Decimal(node.now.get(name, 0))
    if node.change == "created":
        return now
    if name in node.before:
        return now - Decimal(node.before[name])
    return now if node.has_before and not node.before else _ZERO


_READERS = {
    "AccountRoot": _account_root,
    "RippleState": _trust_line,
    "MPToken": _token,
    "MPTokenIssuance": _issuance,
}

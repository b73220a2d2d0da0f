"""How the balances of all accounts changed: XRP, issued currencies, MPTs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

from ekspiper.xrpl.codec import NodeFilter, decode_address

from ._nodes import Node, changes
from ._values import AssetKey, add, difference, value_of, with_value
from .errors import derivation

__all__ = ["BALANCE_NODES", "balance_changes"]

_XRP: AssetKey = ("XRP", "", "")
_ZERO = Decimal(0)
Delta = tuple[str, AssetKey, Decimal]


@derivation("the balance changes of a transaction")
def balance_changes(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes of balances that a transaction made, its fee included.

    A trust line changes both its ends: the holder gains `{currency, issuer: the other}`, and the
    other gains the same with the opposite sign, issued by the holder. An issuer's balance of an
    MPT is what is outstanding, negative. XRP in an escrow or a payment channel is counted for no
    account; nor are tokens in an escrow.

    Args:
        meta: metadata in record shape.

    Returns:
        `{"account", "currency", "issuer", "value"}` (and `mpt_issuance_id`) for each account and
        asset whose balance changed, in order; `value` is the change, XRP in drops.

    Raises:
        DerivationError: the metadata lacks what is needed.
    """
    # A transaction may touch one balance through several entries, and only the sum is a change.
    totals: dict[tuple[str, AssetKey], Decimal] = {}
    lines = (each for node in changes(meta, *_READERS) for each in _READERS[node.type](node))
    for account, asset, delta in chain(lines, _mpts(changes(meta, *_MPT_TYPES))):
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
        # Both ends: what one gains the other owes, so that the changes of an asset add up to
        # nothing.
        yield low, (currency, high, ""), delta
        yield high, (currency, low, ""), delta.copy_negate()  # a minus sign would round


def _amount_delta(node: Node, name: str) -> Decimal:
    if node.change == "created":
        return value_of(node.now.get(name))
    # Metadata shows a field's earlier value only where it changed.
    if name not in node.before:
        return _ZERO
    return difference(value_of(node.now.get(name)), value_of(node.before[name]))


def _mpts(nodes: Iterable[Node]) -> Iterator[Delta]:
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(_issuance_of(node), []).append(node)
    for issuance, group in groups.items():
        tokens = [node for node in group if node.type == "MPToken"]
        held = sum(_count(node, "MPTAmount") for node in tokens)
        for node in group:
            if node.type == "MPToken":
                # What a holder gets, another one or the issuer gives.
                delta = _count_delta(node, "MPTAmount", may_be_first=len(group) > 1)
                yield node.get("Account"), ("", "", issuance), delta
            else:
                # The first that is issued is all that there is, and these holders have it.
                is_all = _count(node, "OutstandingAmount") == held
                delta = _count_delta(node, "OutstandingAmount", may_be_first=is_all)
                yield node.get("Issuer"), ("", "", issuance), -delta


def _issuance_of(node: Node) -> str:
    if node.type == "MPToken":
        return str(node.get("MPTokenIssuanceID"))
    return f"{node.get('Sequence'):08X}{decode_address(node.get('Issuer')).hex().upper()}"


def _count(node: Node, name: str) -> Decimal:
    return Decimal(node.now.get(name, 0))


def _count_delta(node: Node, name: str, *, may_be_first: bool) -> Decimal:
    """The change of a field that is left out while it is zero.

    Metadata does not show that a field was left out before: it shows an empty list of changes,
    and not which of the fields got its first value.

    Args:
        may_be_first: whether, by the other nodes, it can be this field that got it.
    """
    now = _count(node, name)
    if node.change == "created":
        return now
    if name in node.before:
        return now - Decimal(node.before[name])
    return now if may_be_first and node.has_before and not node.before else _ZERO


_READERS = {"AccountRoot": _account_root, "RippleState": _trust_line}
_MPT_TYPES = ("MPToken", "MPTokenIssuance")

BALANCE_NODES = NodeFilter(*_READERS, *_MPT_TYPES)
"""The nodes of metadata that `balance_changes` looks at."""

"""Pools (AMMs) that transactions touched, as far as metadata shows their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ekspiper.xrpl.codec import NodeFilter

from ._nodes import Node, changes
from ._values import AssetKey, asset_key, value_of, value_text
from .errors import DerivationError, derivation

__all__ = ["POOL_FLAGS", "POOL_NODES", "Pool", "is_pool_line", "is_pool_token", "pools_touched"]

_AMM_LINE = 0x0100_0000
_AMM_TOKEN = 0x0000_0004
_XRP: AssetKey = ("XRP", "", "")

POOL_FLAGS: Mapping[str, int] = {"RippleState": _AMM_LINE, "MPToken": _AMM_TOKEN}
"""The bit of `Flags` by which an entry of a type is that of a pool."""

POOL_NODES = NodeFilter("AMM", AccountRoot="AMMID", **POOL_FLAGS)
"""The nodes of metadata that `pools_touched` looks at."""

OnError: TypeAlias = Callable[[int, DerivationError], None]
"""Gets the place of the metadata that cannot be read, and why."""


@dataclass(slots=True)
class Pool:
    """What is known of a pool after the transactions.

    Args:
        account: the pool's account.
        balances: the last balance of each asset that changed, as an amount.
        entry: the last state of its AMM entry; empty if no transaction changed that.
        deleted: whether it was deleted.
    """

    account: str
    balances: dict[AssetKey, dict[str, str]] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False


def is_pool_line(node: Node) -> bool:
    """Whether the entry is a pool's trust line.

    The type decides first: the same bit says `lsfDepositAuth` of an account.
    """
    return node.type == "RippleState" and bool((node.get("Flags") or 0) & _AMM_LINE)


def is_pool_token(node: Node) -> bool:
    """Whether the entry is a pool's balance of an MPT; its bit means other things elsewhere."""
    return node.type == "MPToken" and bool((node.get("Flags") or 0) & _AMM_TOKEN)


def pools_touched(
    metas: Iterable[Mapping[str, Any]], *, on_error: OnError | None = None
) -> dict[str, Pool]:
    """Every pool whose entry or assets changed, by its account, in order of appearance.

    Args:
        metas: metadata of transactions in record shape, in the order of the ledger.
        on_error: called for metadata that cannot be read; the rest is still read.

    Raises:
        DerivationError: metadata cannot be read, and `on_error` is missing.
    """
    pools: dict[str, Pool] = {}
    for place, meta in enumerate(metas):
        try:
            _read(meta, pools)
        except DerivationError as error:
            if on_error is None:
                raise
            on_error(place, error)
    return pools


@derivation("the pools of a transaction")
def _read(meta: Mapping[str, Any], pools: dict[str, Pool]) -> None:
    for node in changes(meta, *_READERS):
        _READERS[node.type](node, pools)


def _pool(pools: dict[str, Pool], account: str) -> Pool:
    return pools.setdefault(account, Pool(account))


def _entry(node: Node, pools: dict[str, Pool]) -> None:
    account = node.get("Account")
    if account is not None:
        pool = _pool(pools, account)
        pool.entry = node.now
        pool.deleted = node.change == "deleted"


def _account_root(node: Node, pools: dict[str, Pool]) -> None:
    if node.get("AMMID"):
        pool = _pool(pools, node.get("Account"))
        balance = node.now.get("Balance")
        # A pool without XRP has its own account as well, whose balance stays 0.
        if balance is not None and ("Balance" in node.before or int(balance["value"])):
            pool.balances[_XRP] = dict(balance)


def _trust_line(node: Node, pools: dict[str, Pool]) -> None:
    """A pool never owes, so it is the end of the line from which the balance is positive."""
    balance = node.now.get("Balance")
    if balance is None or not is_pool_line(node):
        return
    ends = node.get("LowLimit")["issuer"], node.get("HighLimit")["issuer"]
    value = value_of(balance)
    # A line that was emptied is 0 now: its sign before says which end is the pool.
    is_low = (value or value_of(node.before.get("Balance"))) > 0
    account, issuer = ends if is_low else ends[::-1]
    amount = {**balance, "issuer": issuer, "value": value_text(abs(value))}
    _pool(pools, account).balances[asset_key(amount)] = amount


def _token(node: Node, pools: dict[str, Pool]) -> None:
    if not is_pool_token(node):
        return
    amount = {"currency": "", "issuer": "", "value": str(node.now.get("MPTAmount", "0"))}
    amount["mpt_issuance_id"] = node.get("MPTokenIssuanceID")
    _pool(pools, node.get("Account")).balances[asset_key(amount)] = amount


_READERS = {
    "AMM": _entry,
    "AccountRoot": _account_root,
    "RippleState": _trust_line,
    "MPToken": _token,
}

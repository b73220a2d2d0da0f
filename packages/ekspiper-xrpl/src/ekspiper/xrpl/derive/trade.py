"""Trades on the ledger's exchange: which offers and pools a transaction consumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ekspiper.xrpl.codec import NodeFilter

from ._nodes import Node, changes
from ._values import AssetKey, asset_key, difference, quotient, value_of, value_text, with_value
from .errors import derivation
from .pools import POOL_NODES, is_pool_line, is_pool_token

__all__ = ["LIQUIDITY", "TRADE_NODES", "trades"]

TRADE_NODES = NodeFilter("Offer", **POOL_NODES.entries)
"""The nodes of metadata that `trades` looks at."""

_XRP: AssetKey = ("XRP", "", "")
_DROPS = Decimal(1_000_000)

# These change a pool without trading: they put assets in or take them out.
LIQUIDITY = frozenset(
    {"AMMCreate", "AMMDeposit", "AMMWithdraw", "AMMClawback", "AMMDelete", "AMMBid", "AMMVote"}
)


@derivation("the trades of a transaction")
def trades(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The trades that a transaction made: first with offers, then with pools.

    Args:
        fields: the transaction's own fields.
        meta: its metadata, in record shape.

    Returns:
        One dict for each offer and pool that was traded with:

        - `source`: `"offer"` or `"amm"`; `maker`: the offer's owner or the pool's account;
          `taker`: who sent the transaction
        - `gave`, `got`: what the maker gave and got, without transfer fees
        - `price`: `got` for one unit of `gave`, XRP counted in XRP and not in drops
        - `book`: `taker_gets` and `taker_pays` as currency and issuer, and the `domain` if any
        - of an offer: `offer_index`, `offer_sequence`, and `filled`: nothing of it is left

    Raises:
        DerivationError: the metadata lacks what is needed.
    """
    taker = fields["Account"]
    found = [_with_offer(node, taker) for node in changes(meta, "Offer") if _was_taken(node)]
    if fields["TransactionType"] not in LIQUIDITY:
        found += _with_pools(meta, taker)
    return found


def _was_taken(node: Node) -> bool:
    """Whether amounts fell: a new or a cancelled offer has no earlier amounts, or the same ones."""
    return bool(_decrease(node, "TakerGets") or _decrease(node, "TakerPays"))


def _decrease(node: Node, name: str) -> Decimal:
    before = node.before.get(name)
    if before is None:
        return Decimal(0)
    return difference(value_of(before), value_of(node.now[name]))


def _with_offer(node: Node, taker: str) -> dict[str, Any]:
    gets, pays = asset_key(node.get("TakerGets")), asset_key(node.get("TakerPays"))
    domain = node.get("DomainID")
    trade = _trade(
        "offer",
        node.get("Account"),
        taker,
        gets,
        _decrease(node, "TakerGets"),
        pays,
        _decrease(node, "TakerPays"),
    )
    if domain:
        trade["book"]["domain"] = domain
    trade["offer_index"] = node.index
    trade["offer_sequence"] = node.get("Sequence")
    # An offer is deleted as well when its owner can no longer pay, with amounts left.
    trade["filled"] = node.change == "deleted" and not (
        value_of(node.now["TakerGets"]) and value_of(node.now["TakerPays"])
    )
    return trade


def _with_pools(meta: Mapping[str, Any], taker: str) -> Iterator[dict[str, Any]]:
    """A swap makes one asset of a pool more and the other less."""
    pools: dict[str, dict[AssetKey, Decimal]] = {}
    for account, asset, delta in _pool_deltas(meta):
        pools.setdefault(account, {})[asset] = delta
    for account, deltas in pools.items():
        more = [(asset, delta) for asset, delta in deltas.items() if delta > 0]
        less = [(asset, delta.copy_negate()) for asset, delta in deltas.items() if delta < 0]
        # Both up or both down is a deposit or a withdrawal, whatever the transaction calls itself.
        if len(more) == len(less) == 1:
            yield _trade("amm", account, taker, *less[0], *more[0])


def _pool_deltas(meta: Mapping[str, Any]) -> Iterator[tuple[str, AssetKey, Decimal]]:
    for node in changes(meta, "AccountRoot", "RippleState", "MPToken"):
        if is_pool_token(node):
            if "MPTAmount" in node.before:
                delta = int(node.now.get("MPTAmount", 0)) - int(node.before["MPTAmount"])
                asset = ("", "", node.get("MPTokenIssuanceID"))
                yield node.get("Account"), asset, Decimal(delta)
        elif "Balance" not in node.before:
            continue
        elif node.type == "AccountRoot" and node.get("AMMID"):
            yield node.get("Account"), _XRP, _decrease(node, "Balance").copy_negate()
        elif is_pool_line(node):
            yield _line_delta(node)


def _line_delta(node: Node) -> tuple[str, AssetKey, Decimal]:
    """A pool never owes, so it is the end of the line from which the balance is positive."""
    low, high = node.get("LowLimit")["issuer"], node.get("HighLimit")["issuer"]
    currency = node.now["Balance"]["currency"]
    delta = _decrease(node, "Balance").copy_negate()  # a minus sign would round
    if value_of(node.before["Balance"]) > 0 or value_of(node.now["Balance"]) > 0:
        return low, (currency, high, ""), delta
    return high, (currency, low, ""), delta.copy_negate()


def _trade(
    source: str,
    maker: str,
    taker: str,
    gave_asset: AssetKey,
    gave: Decimal,
    got_asset: AssetKey,
    got: Decimal,
) -> dict[str, Any]:
    return {
        "source": source,
        "maker": maker,
        "taker": taker,
        "gave": with_value(gave_asset, gave),
        "got": with_value(got_asset, got),
        "price": _price(gave_asset, gave, got_asset, got),
        "book": {"taker_gets": _shown(gave_asset), "taker_pays": _shown(got_asset)},
    }


def _shown(asset: AssetKey) -> dict[str, str]:
    currency, issuer, issuance = asset
    shown = {"currency": currency, "issuer": issuer}
    return shown | {"mpt_issuance_id": issuance} if issuance else shown


def _price(gave_asset: AssetKey, gave: Decimal, got_asset: AssetKey, got: Decimal) -> str | None:
    """None if the maker gave nothing, which rounding makes possible."""
    if not gave:
        return None
    if gave_asset == _XRP:
        gave = gave / _DROPS
    if got_asset == _XRP:
        got = got / _DROPS
    return value_text(quotient(got, gave))

"""Non-fungible tokens that a transaction made, moved or burned, and the offers for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekspiper.xrpl.codec import encode_address

from ._nodes import Node, changes
from .errors import derivation

__all__ = ["nftoken_fields", "nftoken_moves"]


@derivation("the NFTokens that moved")
def nftoken_moves(meta: Mapping[str, Any]) -> list[dict[str, str | None]]:
    """The tokens that changed hands, from the pages that hold them.

    Tokens that only went from one page to another of the same owner have not moved.

    Returns:
        `{"nftoken_id", "from", "to"}`, ordered by id; `from` is None for a token that was minted,
        `to` for one that was burned.

    Raises:
        DerivationError: the metadata lacks what is needed.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for node in changes(meta, "NFTokenPage"):
        # A page says nowhere whose it is, but its index begins with the owner's account.
        owner = encode_address(bytes.fromhex(node.index[:40]))
        before |= dict.fromkeys(_tokens_before(node), owner)
        after |= dict.fromkeys(_tokens_after(node), owner)
    return [
        {"nftoken_id": token, "from": before.get(token), "to": after.get(token)}
        for token in sorted(before.keys() | after.keys())
        # Pages are split and joined when tokens come and go, so most tokens in metadata have not
        # moved.
        if before.get(token) != after.get(token)
    ]


@derivation("the NFToken fields of a transaction")
def nftoken_fields(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """`nftoken_id`, `nftoken_ids` and `offer_id`, as servers put them into metadata.

    `nftoken_id`: the token of a successful NFTokenMint or NFTokenAcceptOffer. `nftoken_ids`: the
    tokens whose offers a NFTokenCancelOffer took back. `offer_id`: the offer that a
    NFTokenCreateOffer, or a NFTokenMint with an amount, made.

    Raises:
        DerivationError: the fields or the metadata lack what is needed.

    Source: `NFTSyntheticSerializer.cpp`, `NFTokenID.cpp` and `NFTokenOfferID.cpp` in rippled.
    """
    type_ = fields["TransactionType"]
    if meta["TransactionResult"] != "tesSUCCESS":
        return {}
    found: dict[str, Any] = {}
    if type_ == "NFTokenMint":
        found["nftoken_id"] = next(
            (move["nftoken_id"] for move in nftoken_moves(meta) if move["from"] is None), None
        )
    elif type_ == "NFTokenAcceptOffer":
        found["nftoken_id"] = next(iter(sorted(_tokens_of_deleted_offers(meta))), None)
    elif type_ == "NFTokenCancelOffer":
        found["nftoken_ids"] = sorted(set(_tokens_of_deleted_offers(meta))) or None
    if type_ in ("NFTokenCreateOffer", "NFTokenMint"):
        found["offer_id"] = next(
            (one.index for one in changes(meta, "NFTokenOffer") if one.change == "created"), None
        )
    return {name: value for name, value in found.items() if value is not None}


def _tokens_of_deleted_offers(meta: Mapping[str, Any]) -> Iterator[str]:
    for node in changes(meta, "NFTokenOffer"):
        if node.change == "deleted":
            yield node.now["NFTokenID"]


def _tokens_before(node: Node) -> list[str]:
    if node.change == "created":
        return []
    # A page whose neighbours changed is affected as well, with the same tokens before and after.
    return _ids(node.before.get("NFTokens", node.now.get("NFTokens", ())))


def _tokens_after(node: Node) -> list[str]:
    return [] if node.change == "deleted" else _ids(node.now.get("NFTokens", ()))


def _ids(tokens: Any) -> list[str]:
    return [token["NFToken"]["NFTokenID"] for token in tokens]

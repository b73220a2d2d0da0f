"""Assets and books: one side of an order book is what takers get for what they pay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ekspiper.xrpl.codec import NodeFilter

__all__ = ["OFFER_NODES", "Asset", "Book", "books_touched", "record_amount"]

OFFER_NODES = NodeFilter("Offer")
"""The nodes of metadata that `books_touched` looks at."""

_HYBRID = 0x0004_0000
_SHOWN = ("NewFields", "FinalFields", "PreviousFields")


class Asset(NamedTuple):
    """What an amount is of; XRP is `Asset("XRP")`, an MPT has its id alone."""

    currency: str = ""
    issuer: str = ""
    mpt_issuance_id: str = ""

    @classmethod
    def of(cls, amount: Mapping[str, Any] | str) -> Asset:
        """The asset of an amount, in record shape or as a server prints it; or of an asset."""
        if isinstance(amount, str):
            return cls("XRP")
        if "mpt_issuance_id" in amount:
            return cls(mpt_issuance_id=amount["mpt_issuance_id"])
        return cls(amount["currency"], amount.get("issuer", ""))

    def to_request(self) -> dict[str, str]:
        """As a server wants it in a request."""
        if self.mpt_issuance_id:
            return {"mpt_issuance_id": self.mpt_issuance_id}
        return {"currency": self.currency} | ({"issuer": self.issuer} if self.issuer else {})

    def to_record(self) -> dict[str, str]:
        """As records hold it: like an amount, without its value."""
        shown = {"currency": self.currency, "issuer": self.issuer}
        if self.mpt_issuance_id:
            shown["mpt_issuance_id"] = self.mpt_issuance_id
        return shown


def record_amount(amount: Mapping[str, Any] | str) -> dict[str, Any]:
    """`{"currency", "issuer", "value"}`, and `mpt_issuance_id` of an MPT; XRP in drops."""
    if isinstance(amount, str):
        return {"currency": "XRP", "issuer": "", "value": amount}
    # Written out, as an order book has dozens of them: an `Asset` in between takes twice as long.
    if "mpt_issuance_id" in amount:
        issuance = amount["mpt_issuance_id"]
        return {
            "currency": "",
            "issuer": "",
            "mpt_issuance_id": issuance,
            "value": amount["value"],
        }
    return {
        "currency": amount["currency"],
        "issuer": amount.get("issuer", ""),
        "value": amount["value"],
    }


class Book(NamedTuple):
    """One side of an order book, or of the book of one permissioned domain."""

    taker_gets: Asset
    taker_pays: Asset
    domain: str = ""

    def other_side(self) -> Book:
        """The offers of those who want what these give."""
        return Book(self.taker_pays, self.taker_gets, self.domain)


def books_touched(metas: Iterable[Mapping[str, Any]]) -> set[Book]:
    """Both sides of every book whose offers were created, changed or deleted.

    Args:
        metas: metadata of transactions, in record shape or as a server prints it.
    """
    sides = {side for meta in metas for side in _sides(meta)}
    return sides | {side.other_side() for side in sides}


def _sides(meta: Mapping[str, Any]) -> Iterator[Book]:
    for element in meta["AffectedNodes"]:
        for node in element.values():
            # A node of a kind that the definitions do not know is hex.
            if not isinstance(node, str) and node.get("LedgerEntryType") == "Offer":
                yield from _books_of(node)


def _books_of(node: Mapping[str, Any]) -> Iterator[Book]:
    """The books an offer stands in; a hybrid one stands in its domain's and in the open one."""
    # What is shown of an offer; its final state goes before what it was.
    parts = [node[name] for name in _SHOWN if name in node]
    gets, pays = _first(parts, "TakerGets"), _first(parts, "TakerPays")
    if gets is None or pays is None:
        return
    domain = _first(parts, "DomainID") or ""
    open_book = Book(Asset.of(gets), Asset.of(pays))
    if domain:
        yield open_book._replace(domain=domain)
        # Metadata may show either sign of a hybrid offer, as it shows only what changed.
        flags = _first(parts, "Flags") or 0
        if not flags & _HYBRID and _first(parts, "AdditionalBooks") is None:
            return
    yield open_book


def _first(parts: Iterable[Mapping[str, Any]], name: str) -> Any:
    for part in parts:
        if name in part:
            return part[name]
    return None

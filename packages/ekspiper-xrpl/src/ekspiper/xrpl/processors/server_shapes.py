"""The shapes in which servers give a transaction as JSON, brought to one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import ripple_time_iso
from ekspiper.xrpl.derive import parse_ctid, ripple_time

__all__ = ["SERVER_MADE", "SERVER_MADE_METADATA", "ServerTransaction", "unwrap"]

SERVER_MADE = frozenset(
    {
        "DeliverMax",
        "api_version",
        "close_time_iso",
        "ctid",
        "date",
        "delivered_amount",
        "forwarded",
        "hash",
        "id",
        "inLedger",
        "ledger_hash",
        "ledger_index",
        "meta",
        "metaData",
        "meta_blob",
        "network_id",
        "owner_funds",
        "status",
        "tx_blob",
        "type",
        "validated",
        "warning",
        "warnings",
    }
)
"""Members that a server puts among a transaction's fields: of its answer, not of the ledger."""

SERVER_MADE_METADATA = frozenset(
    {"delivered_amount", "mpt_issuance_id", "nftoken_id", "nftoken_ids", "offer_id"}
)
"""Members that a server puts into metadata. They can be derived from the rest of it."""

_PLACE = ("hash", "ledger_index", "ledger_hash", "close_time_iso", "date")


class ServerTransaction(NamedTuple):
    """A transaction as JSON: what the ledger holds, and where it stands."""

    fields: dict[str, Any]
    """Perhaps those of the server's own answer: not to be changed, as `meta`."""

    meta: dict[str, Any]
    place: dict[str, Any]
    """`hash`, `ledger_index`, `ledger_hash`, `close_time_iso`, as far as they were given."""

    delivered_amount: Any
    """What the server says was delivered; None where it says nothing."""

    network_id: int | None
    """The network that the answer names, in its `ctid` or as `network_id`; None: it names none."""


def unwrap(item: Mapping[str, Any]) -> ServerTransaction:
    """Take a transaction out of what a server wrapped around it.

    Takes answers to `tx`, members of `ledger.transactions`, entries of `account_tx`, and messages
    of the stream `transactions`, of api_version 1 and 2; and our own records.

    Raises:
        Permanent: there is no transaction in it, or no metadata.
    """
    if not isinstance(item, Mapping):
        raise Permanent(f"a transaction is an object, and this is {type(item).__name__}")
    inner = item.get("tx_json") or item.get("tx") or item.get("transaction")
    own = inner if isinstance(inner, dict) else dict(item)
    meta = item.get("meta") or item.get("metaData") or own.get("metaData")
    name = item.get("hash") or own.get("hash") or "without a hash"
    if "TransactionType" not in own:
        raise Permanent(f"transaction {name}: it has no TransactionType; is it JSON, not binary?")
    if not isinstance(meta, dict):
        raise Permanent(f"transaction {name}: it has no metadata; ask for validated ones, as JSON")
    delivered = meta.get("delivered_amount", item.get("delivered_amount"))
    network_id = _network_id(item, own, meta)
    return ServerTransaction(
        _fields(own), _metadata(meta), _place(item, own), delivered, network_id
    )


def _network_id(
    item: Mapping[str, Any], own: Mapping[str, Any], meta: Mapping[str, Any]
) -> int | None:
    said = item.get("network_id", own.get("network_id"))
    if type(said) is int:
        return said
    try:
        _, place, network_id = parse_ctid(item.get("ctid") or own["ctid"])
    except (KeyError, TypeError, ValueError):
        return None
    return network_id if place == meta.get("TransactionIndex") else None


def _fields(own: dict[str, Any]) -> dict[str, Any]:
    if SERVER_MADE.isdisjoint(own):
        return own
    fields = {name: value for name, value in own.items() if name not in SERVER_MADE}
    if "DeliverMax" in own and "Amount" not in own:
        fields["Amount"] = own["DeliverMax"]
    return fields


def _metadata(meta: dict[str, Any]) -> dict[str, Any]:
    if SERVER_MADE_METADATA.isdisjoint(meta):
        return meta
    return {name: value for name, value in meta.items() if name not in SERVER_MADE_METADATA}


def _place(item: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {}
    for name in _PLACE:
        value = item.get(name)
        if value is None:
            value = own.get(name)
        if value is not None:
            place[name] = value
    if "ledger_index" not in place and "inLedger" in own:
        place["ledger_index"] = own["inLedger"]
    if type(place.get("close_time_iso")) is str:
        return place | _times("close_time_iso", place)
    if type(place.get("date")) is int:
        return _times("date", place) | place
    place.pop("date", None)
    return place


def _times(name: str, place: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _close_time(place[name])
    except ValueError as error:
        raise Permanent(
            f"transaction {place.get('hash')}: {name} is no time: {place[name]!r}"
        ) from error


@lru_cache(maxsize=1024)
def _close_time(value: int | str) -> dict[str, Any]:
    """When a ledger closed, in both forms. All its transactions have the same.

    Raises:
        ValueError: it is no time that a ledger can have.
    """
    date = ripple_time(value) if isinstance(value, str) else value
    if date >> 32:  # negative, or more than 32 bits
        raise ValueError("the clock of the ledger has 32 bits")
    return {"date": date, "close_time_iso": ripple_time_iso(date)}

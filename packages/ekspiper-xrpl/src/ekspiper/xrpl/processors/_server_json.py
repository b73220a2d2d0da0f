"""Transactions as servers print them: taken out of what is around them, and read like bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import CodecError, Decoder, Definitions, Encoder, ripple_time_iso
from ekspiper.xrpl.derive import parse_ctid, ripple_time
from ekspiper.xrpl.schema import (
    NAMED_FIELDS,
    NODE_OBJECTS,
    Misfit,
    Path,
    Problem,
    path_text,
    stranger,
)

__all__ = ["SERVER_MADE", "SERVER_MADE_METADATA", "JsonReader", "ServerTransaction", "unwrap"]

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
"""Members that a server puts among a transaction's fields; they belong to its answer."""

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
        Permanent: it holds no transaction, or no metadata.
    """
    if not isinstance(item, Mapping):
        raise Permanent(f"a transaction is an object, and this is {type(item).__name__}")
    # tx_json: api_version 2; tx: account_tx of version 1; transaction: the stream of version 1.
    inner = item.get("tx_json") or item.get("tx") or item.get("transaction")
    own = inner if isinstance(inner, dict) else dict(item)
    meta = item.get("meta") or item.get("metaData") or own.get("metaData")
    name = item.get("hash") or own.get("hash") or "without a hash"
    if "TransactionType" not in own:
        raise Permanent(f"transaction {name}: it has no TransactionType; ask for JSON, not binary")
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
    # A ctid of another transaction says nothing about this one's network.
    return network_id if place == meta.get("TransactionIndex") else None


def _fields(own: dict[str, Any]) -> dict[str, Any]:
    # The usual case makes no copy.
    if SERVER_MADE.isdisjoint(own):
        return own
    fields = {name: value for name, value in own.items() if name not in SERVER_MADE}
    # api_version 2 calls the Amount of a payment so; the ledger's own name is Amount.
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
            f"transaction {place.get('hash')}: {name} is not a time of the ledger: {place[name]!r}"
        ) from error


@lru_cache(maxsize=1024)
def _close_time(value: int | str) -> dict[str, Any]:
    """When a ledger closed, in both forms. All its transactions have the same.

    Raises:
        ValueError: it is not a time that a ledger can have.
    """
    date = ripple_time(value) if isinstance(value, str) else value
    if date >> 32:  # negative, or more than 32 bits
        raise ValueError("the clock of the ledger has 32 bits")
    return {"date": date, "close_time_iso": ripple_time_iso(date)}


_MISFIT = object()


class JsonReader:
    """Brings transactions and metadata, as servers print them, into the shape of decoded ones.

    There is one way to a record: what the encoder takes has the right types, and what the decoder
    makes of it has the one shape, so that nothing has to know the rules of each type twice.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._encoder = Encoder(definitions)
        self._decoder = Decoder(definitions, shape="record")
        self._fields = definitions.fields

    def transaction(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a transaction; what cannot be encoded goes to `found` and is left out."""
        return self._object(fields, str(fields.get("TransactionType")), (), found)

    def metadata(self, meta: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The same for metadata."""
        return self._object(meta, "meta", ((), "meta"), found)

    def amount(self, amount: Any) -> dict[str, str] | None:
        """An amount in record shape; None where it is not an amount."""
        try:
            made = self._decoder.ledger_object(self._encoder.encode({"Amount": amount}))
        except CodecError:
            return None
        shown: dict[str, str] = made["Amount"]
        return shown

    def _object(
        self, fields: dict[str, Any], owner: str, path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        try:
            return self._decoder.ledger_object(self._encoder.encode(fields))
        except CodecError:
            pass  # member by member, to find which of them it is
        # What a node shows of an entry is counted under the type of the entry.
        entry = fields.get("LedgerEntryType") if owner in NODE_OBJECTS else None
        made = {}
        for name, value in fields.items():
            inner = entry if isinstance(entry, str) else name
            member = self._member(name, value, (owner, inner), (path, name), found)
            if member is not _MISFIT:
                made[name] = member
        return made

    def _member(
        self, name: str, value: Any, owners: tuple[str, str], path: Path, found: list[Misfit]
    ) -> Any:
        try:
            return self._decoder.ledger_object(self._encoder.encode({name: value}))[name]
        except CodecError:
            pass
        owner, inner = owners
        field = self._fields.get(name)
        type_ = field.type if field is not None and field.is_serialized else None
        if name in NAMED_FIELDS and isinstance(value, str):
            return value  # a name without a code: the rules of the schema report it
        if type_ == "STObject" and isinstance(value, dict):
            return self._object(value, inner, path, found)
        if type_ == "STArray" and isinstance(value, list) and all(map(_is_element, value)):
            return self._array(value, path, found)
        problem: Problem = "unknown_field" if type_ is None else "wrong_type"
        found.append(Misfit(problem, f"{owner}.{name}", path_text(path), value))
        return _MISFIT

    def _array(self, elements: list[Any], path: Path, found: list[Misfit]) -> list[Any]:
        made = []
        for at, element in enumerate(elements):
            ((kind, inner),) = element.items()
            field = self._fields.get(kind)
            if field is None or field.type != "STObject":
                found.append(stranger(path[1], kind, (path, at), element))
            else:
                made.append({kind: self._object(inner, kind, ((path, at), kind), found)})
        return made


def _is_element(element: Any) -> bool:
    """Whether it is one object under its name, as the elements of arrays are."""
    return isinstance(element, dict) and [*map(type, element.values())] == [dict]

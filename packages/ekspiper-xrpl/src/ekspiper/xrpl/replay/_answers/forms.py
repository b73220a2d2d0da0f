"""The forms in which rippled gives headers, transactions and objects, one made from another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH, LedgerHeader, transaction_id
from ekspiper.xrpl.derive import issuance_id, mpt_issuance_id

__all__ = [
    "binary_v1",
    "binary_v2",
    "delivered_amount",
    "header_json",
    "json_v1",
    "json_v2",
    "json_v2_from_v1",
    "object_json",
    "with_delivery",
]

_DELIVERING = frozenset({"Payment", "CheckCash", "AccountDelete"})
# `tx` and the stream say what a deleted account left, `ledger` does not (rippled's LedgerToJson.cpp).
_NOT_IN_LEDGER = frozenset({"AccountDelete"})
_NOT_OF_TX = frozenset({"hash", "metaData", "DeliverMax", "validated"})
# Before these, the metadata did not say what a partial payment delivered (rippled's
# DeliveredAmount.cpp).
_FIRST_WITH_DELIVERED_AMOUNT = 4_594_095
_SURELY_WITH_DELIVERED_AMOUNT = 446_000_000  # a close time


def header_json(header: LedgerHeader, ledger_hash: str, *, api_version: int) -> dict[str, Any]:
    """The JSON form, fields in rippled's order; `ledger_index` is a string in api_version 1."""
    closed = datetime.fromtimestamp(header.close_time + RIPPLE_EPOCH, UTC)
    index: int | str = header.ledger_index if api_version > 1 else str(header.ledger_index)
    return {
        "account_hash": header.account_hash.hex().upper(),
        "close_flags": header.close_flags,
        "close_time": header.close_time,
        "close_time_human": closed.strftime("%Y-%b-%d %H:%M:%S.000000000 UTC"),
        "close_time_iso": header.close_time_iso,
        "close_time_resolution": header.close_time_resolution,
        "closed": True,
        "ledger_hash": ledger_hash,
        "ledger_index": index,
        "parent_close_time": header.parent_close_time,
        "parent_hash": header.parent_hash.hex().upper(),
        "total_coins": str(header.total_coins),
        "transaction_hash": header.transaction_hash.hex().upper(),
    }


def binary_v2(blobs: Mapping[str, Any]) -> dict[str, Any]:
    """`{hash, meta_blob, tx_blob}` from either binary form."""
    name = blobs.get("hash") or transaction_id(bytes.fromhex(blobs["tx_blob"])).hex().upper()
    meta = blobs["meta_blob"] if "meta_blob" in blobs else blobs["meta"]
    return {"hash": name, "meta_blob": meta, "tx_blob": blobs["tx_blob"]}


def binary_v1(blobs: Mapping[str, Any]) -> dict[str, Any]:
    """`{meta, tx_blob}` from either binary form."""
    meta = blobs["meta_blob"] if "meta_blob" in blobs else blobs["meta"]
    return {"meta": meta, "tx_blob": blobs["tx_blob"]}


def json_v2(
    tx: dict[str, Any], meta: dict[str, Any], name: str, ledger: Mapping[str, Any]
) -> dict[str, Any]:
    """The api_version 2 form from decoded fields; `ledger` is the header's JSON."""
    shown = {**meta}
    delivered = delivered_amount(
        tx, meta, ledger_index=int(ledger["ledger_index"]), close_time=ledger["close_time"]
    )
    if delivered is not None and tx["TransactionType"] not in _NOT_IN_LEDGER:
        shown["delivered_amount"] = delivered
    if (issuance := mpt_issuance_id(tx, meta)) is not None:
        shown["mpt_issuance_id"] = issuance
    return {
        "close_time_iso": ledger["close_time_iso"],
        "hash": name,
        "ledger_hash": ledger["ledger_hash"],
        "ledger_index": int(ledger["ledger_index"]),
        "meta": shown,
        "tx_json": _with_deliver_max(tx),
        "validated": True,
    }


def json_v2_from_v1(flat: Mapping[str, Any], ledger: Mapping[str, Any]) -> dict[str, Any]:
    """The api_version 2 form from that of version 1."""
    tx = {name: value for name, value in flat.items() if name not in _NOT_OF_TX}
    return json_v2(tx, flat["metaData"], flat["hash"], ledger)


def json_v1(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The flat form of api_version 1 from that of version 2."""
    tx = entry["tx_json"]
    flat = {**tx, "hash": entry["hash"], "metaData": entry["meta"]}
    # Version 1 shows both names, with one amount.
    if "DeliverMax" in tx:
        flat["Amount"] = tx["DeliverMax"]
    return flat


def delivered_amount(
    tx: Mapping[str, Any], meta: Mapping[str, Any], *, ledger_index: int, close_time: int
) -> Any | None:
    """What rippled adds to the metadata of a transaction that may deliver; None for the others."""
    if tx["TransactionType"] not in _DELIVERING or not _has_succeeded(meta):
        return None
    if "DeliveredAmount" in meta:
        return meta["DeliveredAmount"]
    told = (
        ledger_index >= _FIRST_WITH_DELIVERED_AMOUNT or close_time > _SURELY_WITH_DELIVERED_AMOUNT
    )
    amount = tx.get("Amount", tx.get("DeliverMax"))
    return amount if told and amount is not None else "unavailable"


def with_delivery(entry: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of `ledger`, with the `delivered_amount` that only `tx` and the stream have."""
    tx, meta = entry["tx_json"], entry["meta"]
    if tx["TransactionType"] not in _NOT_IN_LEDGER:
        return dict(entry)
    delivered = delivered_amount(
        tx, meta, ledger_index=int(header["ledger_index"]), close_time=header["close_time"]
    )
    shown = meta if delivered is None else {**meta, "delivered_amount": delivered}
    return {**entry, "meta": shown}


def object_json(fields: Mapping[str, Any], index: str) -> dict[str, Any]:
    """A ledger entry as a server prints it, from its decoded fields."""
    shown = {**fields, "index": index}
    if fields.get("LedgerEntryType") == "MPTokenIssuance":
        shown["mpt_issuance_id"] = issuance_id(fields["Sequence"], fields["Issuer"])
    return shown


def _has_succeeded(meta: Mapping[str, Any]) -> bool:
    return bool(meta["TransactionResult"] == "tesSUCCESS")


def _with_deliver_max(tx: dict[str, Any]) -> dict[str, Any]:
    if tx["TransactionType"] != "Payment" or "Amount" not in tx:
        return tx
    shown = {name: value for name, value in tx.items() if name != "Amount"}
    shown["DeliverMax"] = tx["Amount"]
    return shown

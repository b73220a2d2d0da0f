"""`tx`: one transaction, by its hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..errors import RpcError, missing_field
from .forms import json_v1, with_delivery
from .ledger_content import LedgerContent
from .view import View

__all__ = ["tx"]


def tx(view: View, request: Mapping[str, Any]) -> bytes:
    """The transaction with its metadata, in the shape of the API version asked for."""
    name = request.get("transaction")
    if name is None:
        raise missing_field("transaction")
    if not isinstance(name, str) or len(name) != 64:
        raise RpcError("notImpl")
    index = view.recording.ledger_of(name)
    if index is None or index > view.released or index in view.missing:
        raise RpcError("txnNotFound")
    content = LedgerContent(view.recording, view.recording.ledgers[index])
    two = request.get("api_version", 1) > 1
    make = _binary if request.get("binary") else _json_v2 if two else _json_v1
    return orjson.dumps(make(content, content.hashes.index(name.upper()), two=two))


def _json_v2(content: LedgerContent, place: int, *, two: bool) -> dict[str, Any]:
    header = content.header(api_version=2)
    entry = with_delivery(content.entries[place], header)
    dated = {"date": header["close_time"], "ledger_index": content.record.index}
    return {**entry, "tx_json": {**entry["tx_json"], **dated}}


def _json_v1(content: LedgerContent, place: int, *, two: bool) -> dict[str, Any]:
    header = content.header(api_version=1)
    flat = json_v1(with_delivery(content.entries[place], header))
    flat["meta"] = flat.pop("metaData")
    return {
        **flat,
        "close_time_iso": header["close_time_iso"],
        "date": header["close_time"],
        "inLedger": content.record.index,
        "ledger_hash": content.record.hash,
        "ledger_index": content.record.index,
        "validated": True,
    }


def _binary(content: LedgerContent, place: int, *, two: bool) -> dict[str, Any]:
    blobs = content.blobs[place]
    names = ("tx_blob", "meta_blob") if two else ("tx", "meta")
    return {
        names[0]: blobs["tx_blob"],
        names[1]: blobs["meta_blob"],
        "hash": blobs["hash"],
        "ledger_hash": content.record.hash,
        "ledger_index": content.record.index,
        "close_time_iso": content.header(api_version=2)["close_time_iso"],
        "validated": True,
    }

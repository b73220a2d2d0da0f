"""`subscribe`, `unsubscribe`, and what a subscriber gets for a ledger: recorded, or made from it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson

from ..errors import RpcError
from .engine_results import message_of
from .forms import json_v1, with_delivery
from .ledger_content import LedgerContent
from .server import fees_of
from .view import View

__all__ = ["STREAMS", "closed_message", "subscribe", "transaction_messages", "unsubscribe"]

STREAMS = frozenset({"ledger", "manifests", "transactions", "validations"})


def subscribe(view: View, streams: MutableMapping[str, int], request: Mapping[str, Any]) -> bytes:
    """Add streams; the reply to `ledger` has the last ledger closed. Raises RpcError."""
    names = _asked(request)
    version = request.get("api_version", 1)
    streams.update(dict.fromkeys(names, version))
    return orjson.dumps(_closed_fields(view) if "ledger" in names else {})


def unsubscribe(streams: MutableMapping[str, int], request: Mapping[str, Any]) -> bytes:
    """Remove streams. Raises RpcError."""
    for name in _asked(request):
        streams.pop(name, None)
    return b"{}"


def _asked(request: Mapping[str, Any]) -> list[str]:
    if "url" in request:
        raise RpcError("noPermission")
    if request.keys() & {"accounts", "accounts_proposed", "books"}:
        raise RpcError("notSupported")
    names = request.get("streams", [])
    if not isinstance(names, list):
        raise RpcError("invalidParams")
    if not all(isinstance(name, str) and name in STREAMS for name in names):
        raise RpcError("malformedStream")
    return names


def _closed_fields(view: View) -> dict[str, Any]:
    """What `ledgerClosed` and the reply to `subscribe` say of the last ledger."""
    last = view.last
    if last is None:
        return {}
    fees = fees_of(view.recording)
    fields = {
        "fee_base": fees.base,
        "ledger_hash": last.hash,
        "ledger_index": last.index,
        "ledger_time": last.header.close_time if last.header else 0,
        "reserve_base": fees.reserve_base,
        "reserve_inc": fees.reserve_inc,
        "validated_ledgers": view.complete_ledgers,
    }
    if view.network_id is not None:
        fields["network_id"] = view.network_id
    return fields


def closed_message(view: View, ledger_index: int) -> bytes:
    """`ledgerClosed` of a ledger that has just been released."""
    for message in view.recording.stream(ledger_index):
        body = orjson.loads(message)
        if body["type"] == "ledgerClosed":
            body["validated_ledgers"] = view.complete_ledgers
            if view.network_id is not None:
                body["network_id"] = view.network_id
            return orjson.dumps(body)
    content = LedgerContent(view.recording, view.recording.ledgers[ledger_index])
    count = len(content.hashes)
    return orjson.dumps({**_closed_fields(view), "txn_count": count, "type": "ledgerClosed"})


def transaction_messages(view: View, ledger_index: int, *, api_version: int) -> list[bytes]:
    """`transaction` of everything in a ledger, in the order of execution."""
    key = ("stream", ledger_index)
    # Every subscriber gets the same bytes, so they are made once a ledger.
    joined = view.recording.cache.get(key, lambda: _messages_v2(view, ledger_index))
    messages = joined.split(b"\n") if joined else []
    if api_version > 1:
        return messages
    return [orjson.dumps(_in_version_1(orjson.loads(message))) for message in messages]


def _messages_v2(view: View, ledger_index: int) -> bytes:
    recorded = [
        message
        for message in view.recording.stream(ledger_index)
        if orjson.loads(message)["type"] == "transaction"
    ]
    content = LedgerContent(view.recording, view.recording.ledgers[ledger_index])
    # Some recordings lack the messages of the first ledgers, as the recorder subscribed later.
    if len(recorded) == len(content.hashes):
        return b"\n".join(recorded)
    entries = sorted(content.entries, key=lambda entry: entry["meta"]["TransactionIndex"])
    results = view.recording.definitions.transaction_results
    header = content.header(api_version=2)
    made = (
        _message(with_delivery(entry, header), results, header["close_time"]) for entry in entries
    )
    return b"\n".join(map(orjson.dumps, made))


def _message(
    entry: Mapping[str, Any], results: Mapping[str, int], close_time: int
) -> dict[str, Any]:
    result = entry["meta"]["TransactionResult"]
    return {
        "close_time_iso": entry["close_time_iso"],
        "engine_result": result,
        "engine_result_code": results.get(result, 0),
        "engine_result_message": message_of(result),
        "hash": entry["hash"],
        "ledger_hash": entry["ledger_hash"],
        "ledger_index": entry["ledger_index"],
        "meta": entry["meta"],
        "status": "closed",
        "tx_json": {**entry["tx_json"], "date": close_time},
        "type": "transaction",
        "validated": True,
    }


def _in_version_1(message: dict[str, Any]) -> dict[str, Any]:
    flat = json_v1({**message, "meta": None})
    del flat["metaData"]
    kept = {name: value for name, value in message.items() if name not in ("tx_json", "hash")}
    return {**kept, "transaction": flat}

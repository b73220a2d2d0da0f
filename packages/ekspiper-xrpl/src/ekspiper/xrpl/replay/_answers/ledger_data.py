"""`ledger_data` and `ledger_entry`, where the state of the ledger was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .._recording import LedgerRecord, StateColumn
from ..errors import RpcError, expected_field
from .forms import object_json
from .ledger import header_form
from .view import View

__all__ = ["MAX_BINARY", "MAX_JSON", "ledger_data", "ledger_entry"]

# As rippled: objects in one page, in binary and as JSON.
MAX_BINARY = 2048
MAX_JSON = 256

# What rippled calls the types in `type`; it also takes the names of the definitions.
_SHORT_NAMES = {
    "account": "AccountRoot",
    "directory": "DirectoryNode",
    "fee": "FeeSettings",
    "hashes": "LedgerHashes",
    "mpt_issuance": "MPTokenIssuance",
    "mptoken": "MPToken",
    "nft_offer": "NFTokenOffer",
    "nft_page": "NFTokenPage",
    "nunl": "NegativeUNL",
    "payment_channel": "PayChannel",
    "state": "RippleState",
}


def ledger_data(view: View, request: Mapping[str, Any]) -> bytes:
    """One page of the state: the objects with keys above `marker`, any 256-bit key.

    `type` is applied after `limit`, as rippled does, so a page may be empty.
    """
    record, column = _state(view, request)
    binary = bool(request.get("binary"))
    start = _start(view, column, request)
    stop = min(start + _limit(request, binary=binary), len(column))
    wanted = _type_code(view, request)
    objects = [
        _object(view, column, place, binary=binary)
        for place in range(start, stop)
        if wanted is None or column.type_code(place) == wanted
    ]
    head: dict[str, Any] = {}
    # Only the first page has the header.
    if "marker" not in request:
        head["ledger"] = header_form(view, record, request)
    head.update(ledger_hash=record.hash, ledger_index=record.index)
    if stop < len(column):
        head["marker"] = _marker(view, column, stop)
    state = b",".join(objects)
    return orjson.dumps(head)[:-1] + b',"state":[' + state + b'],"validated":true}'


def ledger_entry(view: View, request: Mapping[str, Any]) -> bytes:
    """One object of the state, by `index`."""
    record, column = _state(view, request)
    found = {"ledger_hash": record.hash, "ledger_index": record.index, "validated": True}
    if "index" not in request:
        raise RpcError("unknownOption", extra=found)
    asked = request["index"]
    if not isinstance(asked, str) or not _is_key(asked):
        raise RpcError("malformedRequest", extra=found)
    place = column.find(bytes.fromhex(asked))
    if place is None:
        raise RpcError("entryNotFound", extra=found)
    binary = bool(request.get("binary"))
    node = orjson.loads(_object(view, column, place, binary=binary))
    shown = {"node_binary": node["data"]} if binary else {"node": node}
    return orjson.dumps({"index": asked.upper(), **found, **shown})


def _state(view: View, request: Mapping[str, Any]) -> tuple[LedgerRecord, StateColumn]:
    record = view.chosen(request)
    state = view.recording.state(record.index) if record else None
    column = state.column(binary=bool(request.get("binary"))) if state else None
    if record is None or column is None:
        raise RpcError("lgrNotFound")
    return record, column


def _start(view: View, column: StateColumn, request: Mapping[str, Any]) -> int:
    if "marker" not in request:
        return 0
    key = _key(request["marker"], "marker")
    # Clio looks the marker up; rippled begins with the next key above it, whatever it is.
    if view.clio and column.find(key) is None:
        raise RpcError("invalidParams", "markerDoesNotExist")
    return column.after(key)


def _marker(view: View, column: StateColumn, stop: int) -> str:
    """Clio gives the key of the last object; rippled the key just below that of the next one."""
    if view.clio:
        return column.key(stop - 1).hex().upper()
    return f"{int.from_bytes(column.key(stop)) - 1:064X}"


def _object(view: View, column: StateColumn, place: int, *, binary: bool) -> bytes:
    recorded = view.recording.read(column.span(place))
    if binary or not column.is_binary:
        return recorded
    item = orjson.loads(recorded)
    fields = view.recording.decoder.ledger_object(bytes.fromhex(item["data"]))
    return orjson.dumps(object_json(fields, item["index"]))


def _limit(request: Mapping[str, Any], *, binary: bool) -> int:
    most = MAX_BINARY if binary else MAX_JSON
    asked = request.get("limit", -1)
    if not isinstance(asked, int) or isinstance(asked, bool):
        raise expected_field("limit", "integer")
    return most if asked < 0 else min(asked, most)


def _type_code(view: View, request: Mapping[str, Any]) -> int | None:
    asked = request.get("type")
    if asked is None:
        return None
    if not isinstance(asked, str):
        raise expected_field("type", "string")
    codes = view.recording.definitions.ledger_entry_types
    name = _SHORT_NAMES.get(asked, asked).replace("_", "").lower()
    for known, code in codes.items():
        if known.lower() == name:
            return code
    raise RpcError("invalidParams", "Invalid field 'type'.")


def _key(asked: object, field: str) -> bytes:
    if not isinstance(asked, str) or not _is_key(asked):
        raise expected_field(field, "valid")
    return bytes.fromhex(asked)


def _is_key(asked: str) -> bool:
    return len(asked) == 64 and all(c in "0123456789abcdefABCDEF" for c in asked)

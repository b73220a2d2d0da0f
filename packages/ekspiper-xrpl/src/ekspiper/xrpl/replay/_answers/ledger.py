"""`ledger`, `ledger_closed`, `ledger_current`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .._recording import Form, LedgerRecord
from .ledger_content import LedgerContent
from .view import View

__all__ = ["header_form", "ledger", "ledger_closed", "ledger_current"]


def ledger(view: View, request: Mapping[str, Any]) -> bytes:
    """A ledger in the form asked for: header, hashes, transactions as JSON or in binary."""
    # rippled, asked for no ledger, gives the last closed one and the open one; Clio has none open.
    if not view.clio and not request.keys() & {"ledger", "ledger_hash", "ledger_index"}:
        return orjson.dumps(_closed_and_open(view, request))
    record = view.chosen(request)
    if record is None:
        return orjson.dumps(_open_ledger(view, request))
    if not request.get("transactions"):
        return orjson.dumps(_wrapped(record, header_form(view, record, request)))
    form = _form(request)
    # The form that was recorded is copied as bytes; others are made once, and kept while there is room.
    if request.get("expand") and form in record.forms:
        return view.recording.read(record.forms[form])
    key = (record.index, form, bool(request.get("expand")))
    return view.recording.cache.get(key, lambda: _made(view, record, request))


def ledger_closed(view: View, request: Mapping[str, Any]) -> bytes:
    """Hash and index of the last ledger."""
    record = view.validated
    return orjson.dumps({"ledger_hash": record.hash, "ledger_index": record.index})


def ledger_current(view: View, request: Mapping[str, Any]) -> bytes:
    """Index of the open ledger."""
    return orjson.dumps({"ledger_current_index": view.validated.index + 1})


def header_form(view: View, record: LedgerRecord, request: Mapping[str, Any]) -> dict[str, Any]:
    """`ledger` without transactions: fields, or the bytes as hex where `binary` is asked."""
    content = LedgerContent(view.recording, record)
    if not request.get("binary"):
        return content.header(api_version=request.get("api_version", 1))
    return {"closed": True, "ledger_data": content.header_bytes.hex().upper()}


def _form(request: Mapping[str, Any]) -> Form:
    two = request.get("api_version", 1) > 1
    if request.get("binary"):
        return "binary2" if two else "binary1"
    return "json2" if two else "json1"


def _made(view: View, record: LedgerRecord, request: Mapping[str, Any]) -> bytes:
    content = LedgerContent(view.recording, record)
    shown = header_form(view, record, request)
    shown["transactions"] = (
        content.transactions(_form(request)) if request.get("expand") else content.hashes
    )
    return orjson.dumps(_wrapped(record, shown))


def _wrapped(record: LedgerRecord, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "ledger": shown,
        "ledger_hash": record.hash,
        "ledger_index": record.index,
        "validated": True,
    }


def _open_ledger(view: View, request: Mapping[str, Any]) -> dict[str, Any]:
    last = view.validated
    index: int | str = last.index + 1
    if request.get("api_version", 1) < 2:
        index = str(index)
    return {
        "ledger": {"closed": False, "ledger_index": index, "parent_hash": last.hash},
        "ledger_current_index": last.index + 1,
        "validated": False,
    }


def _closed_and_open(view: View, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "closed": {"ledger": header_form(view, view.validated, request)},
        "open": {"ledger": _open_ledger(view, request)["ledger"]},
    }

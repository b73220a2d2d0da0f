"""Answers of a node with a fault: errors that it need not give, and results that are not true."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from .dispatch import answer
from .errors import RpcError
from .faults import Fault
from .tampering import TAMPERINGS, tampered
from .view import View

__all__ = ["faulty_answer"]

_ERRORS = {
    "failedToForward": ("failedToForward", None),
    "slowDown": ("slowDown", None),
    "tooBusy": ("tooBusy", None),
    "lgrNotFound": ("lgrNotFound", None),
    "markerExpired": ("invalidParams", "markerDoesNotExist"),
}


def faulty_answer(
    view: View, request: Mapping[str, Any], fault: Fault, count: Callable[[Fault], None]
) -> bytes:
    """The result with the fault in it, counted if there was anything to strike. Raises RpcError."""
    if fault.kind in _ERRORS:
        count(fault)
        raise RpcError(*_ERRORS[fault.kind])
    if fault.kind == "noNetwork":
        count(fault)
        return orjson.dumps({**RpcError("noNetwork").fields, "request": request, "status": "error"})
    if fault.kind == "otherLedger":
        other = _beside(view, request.get("ledger_index"))
        if other is None:
            return answer(view, request)
        count(fault)
        return answer(view, {**request, "ledger_index": other})
    body = answer(view, request)
    wrong = tampered(fault.kind, body) if fault.kind in TAMPERINGS else None
    if wrong is None:
        return body
    count(fault)
    return wrong


def _beside(view: View, asked: object) -> int | None:
    """The ledger before this one, or after the first."""
    if not isinstance(asked, int) or len(view.held) < 2 or asked not in view.recording.ledgers:
        return None
    place = bisect_left(view.held, asked)
    return view.held[place - 1 if place else 1]

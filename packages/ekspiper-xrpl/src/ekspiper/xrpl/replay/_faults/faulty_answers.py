"""Answers of a node with a fault: errors without a cause, and results that are not true."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from .._answers import Heard, View, answer
from .._recording import header_of
from ..errors import RpcError
from ..faults import Fault

__all__ = ["TAMPERINGS", "faulty_answer", "faulty_testimony", "tampered"]

Result = dict[str, Any]

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


def faulty_testimony(fault: Fault, parts: Sequence[Sequence[Heard]]) -> tuple[list[Heard], ...]:
    """Validators' messages with the fault in them, in the same parts."""
    left = int(fault.size)
    made: list[list[Heard]] = []
    for part in parts:
        made.append([])
        for each in part:
            if each.stream != "validations":
                made[-1].append(each)
            elif fault.kind == "forgedValidation":
                made[-1].append(Heard(each.stream, _forged_validation(each.body)))
            elif left > 0:  # missingValidations
                left -= 1
                made[-1].append(each)
    return tuple(made)


def _forged_validation(body: Result) -> Result:
    """One bit of the signature is another, in each place where it stands."""
    signature = body["signature"]
    holder = {"signature": signature}
    _flip(holder, "signature")
    data = body.get("data")
    # The signature stands inside the serialized validation as well.
    forged = {} if data is None else {"data": data.replace(signature, holder["signature"])}
    return {**body, **holder, **forged}


def tampered(kind: str, body: bytes) -> bytes | None:
    """The `result` with that fault in it; None when it has nothing that the fault could strike."""
    result: Result = orjson.loads(body)
    return orjson.dumps(result) if TAMPERINGS[kind](result) else None


def _unvalidated(result: Result) -> bool:
    result["validated"] = False
    return True


def _truncated(result: Result) -> bool:
    transactions = result["ledger"].get("transactions")
    if not transactions:
        return False
    del transactions[len(transactions) // 2 :]
    return True


def _forged_transaction(result: Result) -> bool:
    return _flip_in_transactions(result, "tx_blob")


def _forged_meta(result: Result) -> bool:
    return _flip_in_transactions(result, "meta_blob") or _flip_in_transactions(result, "meta")


def _flip_in_transactions(result: Result, field: str) -> bool:
    transactions = result["ledger"].get("transactions")
    if not transactions:
        return False
    return _flip(transactions[len(transactions) // 2], field)


def _forged_header(result: Result) -> bool:
    return _flip(result["ledger"], "ledger_data")


def _wrong_parent(result: Result) -> bool:
    ledger = result["ledger"]
    header = header_of(ledger)
    if header is None:
        return False
    # The header then hashes to its `ledger_hash`, and only the chain shows that it is wrong.
    forged = header._replace(parent_hash=bytes(reversed(header.parent_hash)))
    result["ledger_hash"] = forged.ledger_hash.hex().upper()
    if "ledger_data" in ledger:
        ledger["ledger_data"] = forged.to_bytes().hex().upper()
    else:
        ledger["parent_hash"] = forged.parent_hash.hex().upper()
        ledger["ledger_hash"] = result["ledger_hash"]
    return True


def _forged_object(result: Result) -> bool:
    state: list[Result] = result.get("state") or []
    return bool(state) and _flip(state[len(state) // 2], "data")


def _lost_object(result: Result) -> bool:
    state = result.get("state")
    if not state:
        return False
    del state[len(state) // 2]
    return True


def _flip(holder: dict[str, Any], field: str) -> bool:
    """Change one bit in the middle of a field of hex digits."""
    digits = holder.get(field)
    if not isinstance(digits, str) or not digits:
        return False
    place = len(digits) // 2
    flipped = f"{int(digits[place], 16) ^ 1:X}"
    holder[field] = digits[:place] + flipped + digits[place + 1 :]
    return True


TAMPERINGS: Mapping[str, Callable[[Result], bool]] = {
    "unvalidated": _unvalidated,
    "truncated": _truncated,
    "forgedTransaction": _forged_transaction,
    "forgedMeta": _forged_meta,
    "forgedHeader": _forged_header,
    "wrongParent": _wrong_parent,
    "forgedObject": _forged_object,
    "lostObject": _lost_object,
}

"""Answers that are wrong in ways that a client must notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from .ledger_record import header_of

__all__ = ["TAMPERINGS", "tampered"]

Result = dict[str, Any]


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
    forged = replace(header, parent_hash=bytes(reversed(header.parent_hash)))
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

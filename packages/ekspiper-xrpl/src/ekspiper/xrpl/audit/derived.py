"""Derives again what a record says beyond the ledger's own bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..derive.ctid import ctid, parse_ctid
from ..derive.delivered_amount import delivered_amount, in_record_shape

__all__ = ["derived_faults"]


def derived_faults(record: dict[str, Any], *, close_time: int) -> Iterator[str]:
    """What is wrong with the `ctid` and the `delivered_amount` of a transaction's record.

    Args:
        close_time: when its ledger closed, in seconds of the ledger's epoch.
    """
    meta, index = record["meta"], record["ledger_index"]
    said = record.get("ctid")
    if said is not None and said != _ctid_of(said, record):
        yield f"ctid is {said}, not {_ctid_of(said, record)}"
    amount = delivered_amount(record, meta, ledger_index=index, close_time=close_time)
    delivered = in_record_shape(amount, record.get("Amount"))
    if record.get("delivered_amount") != delivered:
        yield f"delivered_amount is {record.get('delivered_amount')}, not {delivered}"


def _ctid_of(said: str, record: dict[str, Any]) -> str | None:
    """The right one; on a network of which the record does not tell the id, the one it says."""
    try:
        network_id = parse_ctid(said)[2]
    except ValueError:
        network_id = 0
    place = record["meta"]["TransactionIndex"]
    return ctid(record["ledger_index"], place, record.get("NetworkID", network_id))

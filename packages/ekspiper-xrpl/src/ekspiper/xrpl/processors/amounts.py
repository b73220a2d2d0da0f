"""Amounts of a server's answer, brought to the one shape of records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .books import Asset

__all__ = ["record_amount"]


def record_amount(amount: Mapping[str, Any] | str) -> dict[str, Any]:
    """`{"currency", "issuer", "value"}`, and `mpt_issuance_id` of an MPT; XRP in drops."""
    if isinstance(amount, str):
        return {"currency": "XRP", "issuer": "", "value": amount}
    return {**Asset.of(amount).to_record(), "value": amount["value"]}

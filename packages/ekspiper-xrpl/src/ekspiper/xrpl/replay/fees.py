"""The fees and reserves of the recorded network, in drops."""

from __future__ import annotations

from typing import NamedTuple

from .recording import Recording

__all__ = ["Fees", "fees_of"]


class Fees(NamedTuple):
    """Reference fee and reserves, in drops."""

    base: int = 10
    reserve_base: int = 10_000_000
    reserve_inc: int = 2_000_000


def fees_of(recording: Recording) -> Fees:
    """From the recorded `server_state` or `server_info`; the usual ones without them."""
    state = (recording.template("server_state") or {}).get("state", {}).get("validated_ledger")
    if state:
        return Fees(state["base_fee"], state["reserve_base"], state["reserve_inc"])
    info = (recording.template("server_info") or {}).get("info", {}).get("validated_ledger")
    if info:
        names = ("base_fee_xrp", "reserve_base_xrp", "reserve_inc_xrp")
        return Fees(*(round(info[name] * 1_000_000) for name in names))
    return Fees()

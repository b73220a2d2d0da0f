"""`server_info`, `server_state`, `server_definitions`, `fee`, `ping`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from ..errors import RpcError
from ..recording import Recording
from .view import View

__all__ = ["Fees", "fee", "fees_of", "ping", "server_definitions", "server_info", "server_state"]

# What is said when nothing was recorded of the server itself.
_BUILD = "2.3.0"
_CLIO = "2.3.0"
# What Clio repeats of what the rippled behind it says, and leaves out where that does not answer.
_OF_RIPPLED = ("build_version", "load_factor", "network_id", "validation_quorum")


def server_info(view: View, request: Mapping[str, Any]) -> bytes:
    """The recorded answer, with the ledgers that this node holds and has released."""
    info = _about(view, "server_info", "info")
    if view.clio:
        info["clio_version"] = _CLIO
    if not view.forwards:
        for name in _OF_RIPPLED:
            info.pop(name, None)
    last = view.last
    if last is None:
        return orjson.dumps({"info": info})
    fees = fees_of(view.recording)
    info["validated_ledger"] = {
        "age": 0,
        "base_fee_xrp": fees.base / 1_000_000,
        "hash": last.hash,
        "reserve_base_xrp": _xrp(fees.reserve_base),
        "reserve_inc_xrp": _xrp(fees.reserve_inc),
        "seq": last.index,
    }
    return orjson.dumps({"info": info})


def server_state(view: View, request: Mapping[str, Any]) -> bytes:
    """As `server_info`, amounts in drops."""
    state = _about(view, "server_state", "state")
    last = view.last
    if last is None:
        return orjson.dumps({"state": state})
    fees: Fees = fees_of(view.recording)
    state["validated_ledger"] = {
        "base_fee": fees.base,
        "close_time": last.header.close_time if last.header else 0,
        "hash": last.hash,
        "reserve_base": fees.reserve_base,
        "reserve_inc": fees.reserve_inc,
        "seq": last.index,
    }
    return orjson.dumps({"state": state})


def server_definitions(view: View, request: Mapping[str, Any]) -> bytes:
    """The recorded definitions; only their hash to a client that has them already."""
    recorded = view.recording.template("server_definitions")
    if recorded is None:
        raise RpcError("unknownCmd")
    if "hash" in request:
        known = request["hash"]
        if not isinstance(known, str) or len(known) != 64:
            raise RpcError("invalidParams", "Invalid field 'hash'.")
        if known.upper() == recorded.get("hash"):
            return orjson.dumps({"hash": recorded["hash"]})
    return orjson.dumps(recorded)


def fee(view: View, request: Mapping[str, Any]) -> bytes:
    """The recorded answer, for the ledger that is open now."""
    base = str(fees_of(view.recording).base)
    usual: dict[str, Any] = {
        "current_ledger_size": "0",
        "current_queue_size": "0",
        "drops": {
            "base_fee": base,
            "median_fee": "5000",
            "minimum_fee": base,
            "open_ledger_fee": base,
        },
    }
    recorded = view.recording.template("fee") or usual
    return orjson.dumps({**recorded, "ledger_current_index": view.validated.index + 1})


def ping(view: View, request: Mapping[str, Any]) -> bytes:
    """Nothing, or what the recorded server said of the client's role."""
    return orjson.dumps(view.recording.template("ping") or {})


def _about(view: View, command: str, key: str) -> dict[str, Any]:
    recorded = (view.recording.template(command) or {}).get(key) or {}
    usual = {"build_version": _BUILD, "server_state": "full", "load_factor": 1, "peers": 0}
    # What this node holds now comes last: the recorded server held other ledgers.
    about = {**usual, **recorded, "complete_ledgers": view.complete_ledgers}
    if view.network_id is not None:
        about["network_id"] = view.network_id
    # The recorded server's newest ledger need not be this node's.
    about.pop("validated_ledger", None)
    return about


def _xrp(drops: int) -> int | float:
    return drops // 1_000_000 if drops % 1_000_000 == 0 else drops / 1_000_000


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

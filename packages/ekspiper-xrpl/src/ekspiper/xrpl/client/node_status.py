"""What a node says of itself, and what the pool knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .answer import error_of, is_clio
from .errors import RequestError, UnreadableNode
from .ledger_set import LedgerSet

__all__ = ["Kind", "NodeInfo", "NodeState", "NodeStatus", "result_of"]

Kind = Literal["rippled", "clio"]
NodeState = Literal["connecting", "ready", "down", "ejected", "refused", "closed"]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node at one moment.

    Attributes:
        url: as it may be shown; anything that may be secret is `***`.
        state: `connecting` at first, `ready`, `down` (reconnecting), `ejected` (it lied),
            `refused` (another network), `closed`.
        network: the network id; None while unknown.
        kind: `rippled` or `clio`; None while unknown.
        ledgers: what it holds.
        latency: seconds an answer takes, smoothed; None before the first.
        in_flight: open requests.
        window: how many it is given at once, at present.
        load: the server's own load factor (1 is idle); None while unknown.
        requests: sent so far, those of the connection itself left out.
        answers: good answers so far.
        reconnects: how often it was connected to again.
        errors: connections lost, refusals to serve and lies so far.
        problem: the last of these; empty when there was none.
        public: a public server, treated politely.
    """

    url: str
    state: NodeState
    network: int | None
    kind: Kind | None
    version: str
    ledgers: LedgerSet
    latency: float | None
    in_flight: int
    window: int
    load: float | None
    requests: int
    answers: int
    reconnects: int
    errors: int
    problem: str
    public: bool


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node's answer to `server_info`.

    Attributes:
        network_id: 0 where rippled gives none, as that is its default. Clio repeats what the
            rippled behind it says; None where that rippled does not answer.
        names_network: whether it gave one.
        load: its load factor; 1 is idle.
    """

    network_id: int | None
    names_network: bool
    kind: Kind
    version: str
    load: float | None
    ledgers: LedgerSet

    @classmethod
    def read(cls, response: Mapping[str, Any], *, node: str) -> NodeInfo:
        """From the response.

        Raises:
            RequestError: it was refused.
            UnreadableNode: something in it cannot be read.
        """
        info = result_of(response, "server_info", node=node).get("info")
        if not isinstance(info, dict):
            raise UnreadableNode(f"the server_info of {node} cannot be read: it has no info")
        clio = is_clio(response) or "clio_version" in info
        load = info.get("load_factor")
        return cls(
            network_id=_network_id(info.get("network_id", None if clio else 0), node),
            names_network=info.get("network_id") is not None,
            kind="clio" if clio else "rippled",
            version=str(info.get("clio_version") or info.get("build_version") or ""),
            load=float(load) if isinstance(load, int | float) else None,
            ledgers=_ledgers(info.get("complete_ledgers", "empty"), node),
        )


def _network_id(given: object, node: str) -> int | None:
    if given is not None and type(given) is not int:
        raise UnreadableNode(
            f"the server_info of {node} cannot be read: network_id is {given!r}, not a number"
        )
    return given


def _ledgers(given: object, node: str) -> LedgerSet:
    try:
        return LedgerSet.parse(str(given))
    except ValueError:
        raise UnreadableNode(
            f"the server_info of {node} cannot be read: complete_ledgers is {given!r}, "
            "not ranges of ledgers"
        ) from None


def result_of(response: Mapping[str, Any], command: str, *, node: str) -> dict[str, Any]:
    """The `result` of a response. Raises RequestError when it was refused."""
    result = response.get("result")
    # Clio puts the errors of what it forwards into the result of a "success".
    if response.get("status") != "success" or not isinstance(result, dict) or "error" in result:
        error, message = error_of(response)
        raise RequestError(error, message, {"command": command}, node=node)
    return result

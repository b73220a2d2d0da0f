"""What a node says of itself in `server_info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import error_of, is_clio
from .errors import RequestError, UnreadableNode
from .ledger_set import LedgerSet
from .node_status import Kind

__all__ = ["NodeInfo", "result_of"]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node's answer to `server_info`.

    Attributes:
        network_id: rippled that gives none is of network 0, its own default. Clio repeats what
            the rippled behind it says; None where that does not answer.
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

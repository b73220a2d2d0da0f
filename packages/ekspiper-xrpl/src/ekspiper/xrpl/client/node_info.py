"""What a node says of itself in `server_info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import is_clio
from .errors import RequestError
from .ledger_set import LedgerSet
from .node_status import Kind

__all__ = ["NodeInfo", "result_of"]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node's answer to `server_info`.

    Attributes:
        network_id: a server that gives none is of network 0, as rippled's own default is.
        names_network: whether it gave one.
        load: its load factor; 1 is idle.
    """

    network_id: int
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
            ValueError: something in it cannot be read.
        """
        info = result_of(response, "server_info", node=node).get("info")
        if not isinstance(info, dict):
            raise ValueError("server_info has no info")
        clio = is_clio(response) or "clio_version" in info
        load = info.get("load_factor")
        return cls(
            network_id=_network_id(info.get("network_id")),
            names_network=info.get("network_id") is not None,
            kind="clio" if clio else "rippled",
            version=str(info.get("clio_version") or info.get("build_version") or ""),
            load=float(load) if isinstance(load, int | float) else None,
            ledgers=LedgerSet.parse(str(info.get("complete_ledgers", "empty"))),
        )


def _network_id(given: object) -> int:
    if given is None:
        return 0
    if not isinstance(given, int):
        raise ValueError(f"server_info: network_id is {given!r}, not a number")
    return given


def result_of(response: Mapping[str, Any], command: str, *, node: str) -> dict[str, Any]:
    """The `result` of a response. Raises RequestError when it was refused."""
    result = response.get("result")
    if response.get("status") != "success" or not isinstance(result, dict):
        error = str(response.get("error") or "no result")
        message = str(response.get("error_message") or "")
        raise RequestError(error, message, {"command": command}, node=node)
    return result

"""What the pool knows of one node, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .ledger_set import LedgerSet

__all__ = ["Kind", "NodeState", "NodeStatus"]

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

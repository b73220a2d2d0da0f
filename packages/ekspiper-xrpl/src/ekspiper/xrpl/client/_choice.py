"""Which node gets a request: a pure choice over what is known of each."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from .ledger_set import LedgerSet

__all__ = ["Choosable", "Wait", "choose"]

# A node this many ledgers behind the newest one is not asked for "the latest". Messages about a
# ledger reach a client from several nodes within one or two ledgers of each other.
LAG_ALLOWED = 3


class Choosable(Protocol):
    """What the choice looks at."""

    @property
    def ready(self) -> bool:
        """Connected, of the right network, not ejected."""
        ...

    @property
    def ledgers(self) -> LedgerSet:
        """What it holds."""
        ...

    @property
    def in_flight(self) -> int:
        """Open requests."""
        ...

    @property
    def latency(self) -> float:
        """Seconds the next answer is expected to take."""
        ...

    def allows(self, now: float) -> bool:
        """Whether its window has room."""
        ...


N = TypeVar("N", bound=Choosable)


class Wait(enum.Enum):
    """Why a request cannot be sent now."""

    ROOM = "every node that could answer is busy"
    HOLDER = "no ready node holds the ledger"
    NODE = "no node is ready"


def choose(
    nodes: Iterable[N],
    *,
    ledger_index: int | None,
    excluded: Collection[object] = (),
    avoided: Collection[object] = (),
    newest: int = 0,
    now: float,
) -> N | Wait:
    """The node expected to answer first, among those that can; or what to wait for.

    Args:
        ledger_index: the ledger that is needed; None if no certain one is.
        excluded: nodes that are not asked.
        avoided: nodes that are asked only when no other can answer.
        newest: the newest ledger known of the network.
    """
    able = [n for n in nodes if n.ready and n not in excluded]
    if not able:
        return Wait.NODE
    if ledger_index is not None:
        able = [n for n in able if ledger_index in n.ledgers]
        if not able:
            return Wait.HOLDER
    elif len(able) > 1:
        able = [n for n in able if n.ledgers.last >= newest - LAG_ALLOWED] or able
    if avoided:
        able = [n for n in able if n not in avoided] or able
    free = [n for n in able if n.allows(now)]
    if not free:
        return Wait.ROOM
    return free[0] if len(free) == 1 else min(free, key=_expected_wait)


def _expected_wait(node: Choosable) -> float:
    # One more request waits behind those that are open: a quick node that is full is not better
    # than a slow one that is free.
    return (node.in_flight + 1) * max(node.latency, 0.001)

"""Why a request cannot be answered, as an error that says what each node is or holds."""

from __future__ import annotations

from collections.abc import Sequence

from .call import Call
from .errors import LedgerUnavailable, NodeUnreachable
from .node import Node

__all__ = ["unanswered", "unavailable"]


def unavailable(call: Call, nodes: Sequence[Node], *, newest: int, now: float) -> LedgerUnavailable:
    """No node has the ledger that a request needs."""
    index = call.ledger_index or 0
    ahead = f", the newest is {newest}" if index > newest > 0 else ""
    waited = f", after {call.waited(now):.0f} s" if call.waited(now) >= 1 else ""
    held = "; ".join(f"{n.label} holds {n.ledgers}" for n in nodes)
    again = f" (the last answer was {call.last_error})" if call.last_error else ""
    message = f"no node has ledger {index}{ahead}{waited}: {held}{again}"
    return LedgerUnavailable(message, ledger_index=index)


def unanswered(call: Call, nodes: Sequence[Node]) -> NodeUnreachable:
    """Those that could answer are not there, or do not."""
    problems = "; ".join(f"{n.label}: {n.trouble.problem or n.state}" for n in nodes)
    return NodeUnreachable(f"no node could answer {call.name}: {call.last_error or problems}")

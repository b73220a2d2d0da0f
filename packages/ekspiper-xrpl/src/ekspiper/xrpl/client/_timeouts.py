"""Time-outs of requests: how long the pool waits for a node or a ledger, and when it gives up."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from ._call import Call
from ._node import Node
from .errors import LedgerUnavailable, NodeUnreachable
from .ledger_set import LedgerSet

__all__ = ["LedgerGaps", "Outlook", "Prospect", "Timeouts"]

# A ledger so close to the newest may be there in a moment, whatever `complete_ledgers` says.
_RECENT = 8
# What a node said it holds still counts if it was said this many seconds before a request was
# parked: a history does not change faster.
_FRESH = 10.0
# What a server fetches from its peers by default (`ledger_history`), and the least that it keeps
# (`online_delete`): https://xrpl.org/docs/infrastructure/configuration/data-retention
_FETCHED = 256

Gap = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    Attributes:
        request: a node that has not answered for this long has lost the request: five ledgers close
            meanwhile, and a loaded server answers within seconds. It is connected to again.
        hedge: a request that takes this long, and much longer than usual on that node, is also
            sent to another one.
        latest_hedge: after this it is sent to another node even if the first is always that slow.
        ledger: how long to wait for a ledger that no ready node serves. One that has just closed
            is everywhere within a few seconds.
        answer: how long to wait for a node that can answer what needs no ledger.
        overload: how long nodes may refuse a request for load. Servers forget load within half a
            minute; one that refuses for four times as long serves others first.
        avoid: how long to spare the nodes that a request is to avoid while all others refuse it.
    """

    request: float = 20.0
    hedge: float = 1.0
    latest_hedge: float = 5.0
    ledger: float = 10.0
    answer: float = 10.0
    overload: float = 120.0
    avoid: float = 20.0


class Outlook(enum.Enum):
    """What to do with a parked request, short of failing it."""

    KEEP = "a node may come to answer it"
    ASK = "ask a node even though none lists the ledger: such lists have been wrong"


class Prospect:
    """Whether parked requests may still be answered.

    Args:
        nodes: the pool's nodes.
        timeouts: how long to wait, and for what.
        wait_for_gaps: also wait for a ledger that is missing from every history, if the nodes may
            still fetch it.
    """

    def __init__(self, nodes: Sequence[Node], *, timeouts: Timeouts, wait_for_gaps: bool) -> None:
        self._nodes = nodes
        self._timeouts = timeouts
        self._gaps = LedgerGaps() if wait_for_gaps else None

    def of(self, call: Call, *, newest: int, now: float) -> Outlook | Exception:
        """What to do with a parked request; an exception to fail it with.

        Args:
            newest: the newest ledger known of the network; 0 before the first.
        """
        index, waited = call.ledger_index, call.waited(now)
        if index is None:
            timeout = min(self._timeouts.ledger, self._timeouts.answer)
            return self._unanswered(call) if waited > timeout else Outlook.KEEP
        if self._comes_too_late(call, index, newest):
            return self._unavailable(call, index, newest, now)
        hopeless = self._is_hopeless(call, index, newest)
        if hopeless and not call.attempts:
            return Outlook.ASK
        if waited > self._timeouts.ledger:
            if hopeless and self._gaps:
                self._gaps.waited_in_vain(index, self._held())
            lost = any(index in node.ledgers and not node.ready for node in self._nodes)
            return self._unanswered(call) if lost else self._unavailable(call, index, newest, now)
        if hopeless and not self._may_be_filled(index, newest):
            return self._unavailable(call, index, newest, now)
        return Outlook.ASK if hopeless and now >= call.retry_at else Outlook.KEEP

    def _is_hopeless(self, call: Call, index: int, newest: int) -> bool:
        """An old ledger that no node, connected or not, holds or may come to hold."""
        if index > newest - _RECENT or any(index in n.ledgers for n in self._nodes):
            return False
        if any(0 < n.ledgers.last < index for n in self._nodes):
            return False  # it lags, and is not there yet
        return self._is_known_what_they_hold(call)

    def _comes_too_late(self, call: Call, index: int, newest: int) -> bool:
        """One that cannot close while it is waited for: no network closes one every second."""
        ahead = index - newest
        return (
            newest > 0
            and ahead > _RECENT + self._timeouts.ledger
            and self._is_known_what_they_hold(call)
        )

    def _is_known_what_they_hold(self, call: Call) -> bool:
        assert call.parked_since is not None
        return all(n.refreshed >= call.parked_since - _FRESH for n in self._nodes if n.ready)

    def _may_be_filled(self, index: int, newest: int) -> bool:
        gaps = self._gaps
        return gaps is not None and gaps.may_be_filled(index, self._held(), newest=newest)

    def _held(self) -> LedgerSet:
        return LedgerSet.of(r for n in self._nodes for r in n.ledgers.ranges)

    def _unavailable(self, call: Call, index: int, newest: int, now: float) -> LedgerUnavailable:
        """No node has the ledger that a request needs."""
        ahead = f", the newest is {newest}" if index > newest > 0 else ""
        waited = f", after {call.waited(now):.0f} s" if call.waited(now) >= 1 else ""
        held = "; ".join(f"{n.label} holds {n.ledgers}" for n in self._nodes)
        again = f" (the last answer was {call.last_error})" if call.last_error else ""
        message = f"no node has ledger {index}{ahead}{waited}: {held}{again}"
        return LedgerUnavailable(message, ledger_index=index)

    def _unanswered(self, call: Call) -> NodeUnreachable:
        """Those that could answer are not there, or do not."""
        problems = "; ".join(f"{n.label}: {n.log.problem or n.state}" for n in self._nodes)
        return NodeUnreachable(f"no node could answer {call.name}: {call.last_error or problems}")


class LedgerGaps:
    """The gaps in what all nodes together hold, and whether one may still be filled.

    An outage leaves a gap that nodes fill from their peers. What is older than all that they hold
    has been deleted. If a gap was waited for and not filled, nobody waits for it again, unless some of it
    was filled since: then the nodes are at work on it.
    """

    def __init__(self) -> None:
        self._in_vain: set[Gap] = set()

    def may_be_filled(self, index: int, held: LedgerSet, *, newest: int) -> bool:
        """Whether to wait for a ledger that no node holds.

        Args:
            held: what all nodes together hold.
            newest: the newest ledger of the network.
        """
        first, last = _gap_at(index, held)
        if first == 1 and index <= newest - _FETCHED:
            return False
        return not any(first <= since and until <= last for since, until in self._in_vain)

    def waited_in_vain(self, index: int, held: LedgerSet) -> None:
        """The ledger did not come in good time."""
        first, last = _gap_at(index, held)
        outside = {gap for gap in self._in_vain if gap[1] < first or last < gap[0]}
        self._in_vain = outside | {(first, last)}


def _gap_at(index: int, held: LedgerSet) -> Gap:
    """The first and the last ledger of the gap that `index` is in; one before all begins at 1."""
    before = max((last for _, last in held.ranges if last < index), default=0)
    after = min((first for first, _ in held.ranges if first > index), default=1 << 32)
    return before + 1, after - 1

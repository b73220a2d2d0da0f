"""Carries each request to a node that can answer it, and on to another when that one does not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from .answers import Verdict, error_of, judge, warns_of_load
from .call import Call
from .choice import Wait, choose
from .errors import (
    ConnectionLost,
    LedgerUnavailable,
    NodeBusy,
    RequestError,
    RequestTimeout,
)
from .gaps import Gaps
from .ledger_set import LedgerSet
from .node import Node
from .patience import Patience
from .pauses import ask_again_in
from .shortfall import unanswered, unavailable

__all__ = ["Dispatcher"]

# A request that so many connections were lost on is likely the reason.
_MOST_ATTEMPTS = 20
# The first silence may be the node's, the second that of the next; a third one is the request's.
_MOST_TIMEOUTS = 3
# A ledger so close to the newest may be there in a moment, whatever `complete_ledgers` says.
_RECENT = 8
# Seconds between two questions to one node what it holds.
_REFRESH = 1.0
# What a node said it holds counts for so many seconds before a request began to wait.
_FRESH = 10.0
# So many waiting requests are looked at for one that a free node can answer; the queue may be long.
_LOOK_AHEAD = 64


class Dispatcher:
    """Places requests, and places them again.

    A request is *waiting* while the nodes that could answer it have no room, and *parked* while
    no ready node has what it needs.

    Args:
        nodes: the pool's nodes.
        clock: the pool's clock, in seconds.
        patience: how long requests wait, and for what.
        wait_for_gaps: wait so long for a ledger that is missing from every history, too, if the
            nodes may still come to hold it.
        refresh: asks a node what it holds.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        clock: Callable[[], float],
        patience: Patience,
        wait_for_gaps: bool,
        refresh: Callable[[Node], None],
    ) -> None:
        self.newest = 0
        self._nodes = nodes
        self._clock = clock
        self._patience = patience
        self._gaps = Gaps() if wait_for_gaps else None
        self._refresh = refresh
        self._waiting: deque[Call] = deque()
        self._parked: list[Call] = []
        self._missed: set[Call] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def backlog(self) -> int:
        """Requests that are not with any node."""
        return len(self._waiting) + len(self._parked)

    def missing(self, now: float) -> dict[int, float]:
        """Ledgers that requests wait for because no node serves them: since how many seconds."""
        found: dict[int, float] = {}
        for call in self._missed:
            index = call.ledger_index
            if index is not None:
                found[index] = max(found.get(index, 0.0), call.waited(now))
        return found

    def submit(self, call: Call) -> None:
        """Take a new request."""
        if self._waiting or not self._place(call, self._clock()):
            self._waiting.append(call)
            self._arm()

    def close(self, error: Exception) -> None:
        """Fail every request that is not with a node."""
        for call in (*self._waiting, *self._parked):
            call.fail(error)
        self._waiting.clear()
        self._parked.clear()
        if self._timer:
            self._timer.cancel()

    # Placing.

    def _place(self, call: Call, now: float) -> bool:
        """Send or park a request; False when it has to wait for room."""
        choice = choose(
            self._nodes,
            ledger_index=call.ledger_index,
            excluded=(*call.lacking, *call.refusing),
            avoided=call.avoided,
            newest=self.newest,
            now=now,
        )
        if choice is Wait.ROOM:
            return False
        if isinstance(choice, Wait):
            self._park(call, now)
            self._parked.append(call)
            if choice is Wait.HOLDER:
                self._refresh_all(now)
        else:
            choice.send(call)
        return True

    def _park(self, call: Call, now: float) -> None:
        """From now on it waits for what no ready node serves."""
        if call.parked is None:
            call.parked = now
            self._missed.add(call)
            call.answer.add_done_callback(lambda _: self._missed.discard(call))

    def pump(self) -> None:
        """Send what waits, as far as there is room."""
        now = self._clock()
        passed: list[Call] = []
        while self._waiting and len(passed) < _LOOK_AHEAD:
            if not any(n.ready and n.allows(now) for n in self._nodes):
                break
            call = self._waiting.popleft()
            if not call.answer.done() and not self._place(call, now):
                passed.append(call)
        self._waiting.extendleft(reversed(passed))
        if self._waiting:
            self._arm()

    def _arm(self) -> None:
        """Pump again when the first paused or paced window opens."""
        now = self._clock()
        opens = [n.window.opens_at() for n in self._nodes if n.ready]
        opens = [at for at in opens if at > now]
        if opens and (self._timer is None or self._timer.cancelled()):
            self._timer = asyncio.get_running_loop().call_later(min(opens) - now, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.pump()

    def _refresh_all(self, now: float) -> None:
        for node in self._nodes:
            if node.ready and not node.refreshing and now - node.refreshed > _REFRESH:
                self._refresh(node)

    # Answers.

    def answered(self, node: Node, call: Call, response: dict[str, Any]) -> None:
        """Take a response: settle the request, or carry it on."""
        now = self._clock()
        if warns_of_load(response):
            node.overloaded("warning: load", delay=0.0)
        if not call.answer.done():
            self._take(node, call, response, now)
        if self._waiting:
            self.pump()

    def _take(self, node: Node, call: Call, response: dict[str, Any], now: float) -> None:
        verdict = judge(response, ledger_index=call.ledger_index)
        if verdict is Verdict.GOOD:
            node.answers += 1
            node.window.succeeded(node.in_flight + 1, now)
            call.settle(response, node.label)
            return
        error, message = error_of(response)
        call.last_error = error
        if call.once and verdict in (Verdict.LACKING, Verdict.UNREADY):
            verdict = Verdict.UNWILLING
        if verdict in (Verdict.REFUSED, Verdict.UNWILLING):
            node.window.succeeded(node.in_flight + 1, now)
            if verdict is Verdict.UNWILLING and self._goes_elsewhere(node, call, now):
                return
            if call.raw:
                call.settle(response, node.label)
            else:
                call.fail(RequestError(error, message, call.message, node=node.label))
        elif verdict is Verdict.OVERLOADED:
            self._overloaded(node, call, error, response.get("retry_after"), now)
        else:
            self._lacking(node, call, now)

    def _goes_elsewhere(self, node: Node, call: Call, now: float) -> bool:
        """Whether a node that has not refused it yet works on it, or will."""
        call.refusing.append(node)
        if call.holders:
            return True
        others = [n for n in self._nodes if n.ready and n not in call.refusing]
        if call.ledger_index is not None:
            others = [n for n in others if call.ledger_index in n.ledgers]
        if not others or not call.repeatable:
            return False
        node.trouble.unable(call.name, call.last_error, now)
        if not self._place(call, now):
            self._waiting.appendleft(call)
        return True

    def _overloaded(self, node: Node, call: Call, error: str, hint: object, now: float) -> None:
        delay = float(hint) if isinstance(hint, int | float) else None
        node.overloaded(error, delay=delay)
        if call.overloaded is None:
            call.overloaded = now
        if now - call.overloaded > self._patience.overload:
            message = (
                f"{call.name} was refused for {now - call.overloaded:.0f} s: {call.last_error}"
            )
            call.fail(NodeBusy(max(1.0, node.window.opens_at() - now), message))
            return
        if now - call.overloaded > self._patience.avoid:
            call.avoided = ()  # those that could do better will not
        if not call.holders:
            self._waiting.appendleft(call)
            self._arm()

    def _lacking(self, node: Node, call: Call, now: float) -> None:
        if call.attempts == 1:
            node.trouble.unable(call.name, call.last_error, now)
        call.lacking.append(node)
        call.retry_at = now + ask_again_in(call.waited(now))
        if not call.holders and not self._place(call, now):
            self._waiting.appendleft(call)

    # Trouble.

    def lost(self, node: Node, calls: list[Call]) -> None:
        """A connection is gone: its requests go on, the oldest first."""
        for call in reversed(calls):
            if call.answer.done() or call.holders:
                continue
            if not call.repeatable:
                call.fail(ConnectionLost(f"{node.label} was lost with {call.name} open"))
            elif call.attempts >= _MOST_ATTEMPTS:
                call.fail(RequestTimeout(f"{call.name}: lost {call.attempts} connections on it"))
            else:
                self._waiting.appendleft(call)
        self._flush_waiting()

    def _flush_waiting(self) -> None:
        """Pump; with no node ready, everything that waits for room waits for a node."""
        if any(n.ready for n in self._nodes):
            self.pump()
        else:
            self._parked.extend(self._waiting)
            self._waiting.clear()

    def tick(self, now: float, elapsed: float) -> None:
        """Look after everything that is late."""
        for node in self._nodes:
            if node.ready:
                self._look_at_late(node, now)
        if self._parked:
            self.review(now, elapsed)
        if self._waiting:
            self._flush_waiting()

    def _look_at_late(self, node: Node, now: float) -> None:
        request = self._patience.request
        usual = min(node.timing.usual, self._patience.latest_hedge)
        late = min(max(self._patience.hedge, usual), request)
        for number, call, age in node.overdue(late, now):
            if call.answer.done():
                if age > request:
                    node.forget(number)
            elif age > request:
                return self._stuck(node, call, age)
            elif len(call.holders) < 2 and call.repeatable:
                self._hedge(node, call, age, now)
        return None

    def _stuck(self, node: Node, call: Call, age: float) -> None:
        call.timeouts += 1
        if call.timeouts >= _MOST_TIMEOUTS:
            call.fail(
                RequestTimeout(
                    f"{call.name}: not answered {call.timeouts} times, last by {node.label}"
                )
            )
        node.drop(f"did not answer {call.name} for {age:.1f} s")

    def _hedge(self, node: Node, call: Call, age: float, now: float) -> None:
        other = choose(
            self._nodes,
            ledger_index=call.ledger_index,
            excluded=(*call.holders, *call.lacking, *call.refusing),
            avoided=call.avoided,
            newest=self.newest,
            now=now,
        )
        if isinstance(other, Wait):
            return
        node.timing.take(age, now)
        other.send(call)
        node.trouble.slow(call.name, age, now, other=other.label)

    def review(self, now: float, elapsed: float = 0.0) -> None:
        """Place parked requests, or give them up."""
        parked, self._parked = self._parked, []
        any_ready = any(n.ready for n in self._nodes)
        for call in parked:
            if call.answer.done():
                continue
            self._park(call, now)
            if not any_ready:
                call.parked = now - call.waited(now) + elapsed
                self._parked.append(call)
                continue
            if call.lacking and now >= call.retry_at:
                call.lacking.clear()
            if not self._place(call, now):
                self._waiting.append(call)
            elif self._parked and self._parked[-1] is call:
                self._give_up(call, now)

    def _give_up(self, call: Call, now: float) -> None:
        """Fail a parked request that waited long enough, or that nothing will ever answer.

        Servers have been wrong about what they hold: one is asked before that, and while waiting.
        """
        index, waited = call.ledger_index, call.waited(now)
        if index is None:
            if waited > min(self._patience.ledger, self._patience.answer):
                call.fail(unanswered(call, self._nodes))
            return
        hopeless = self._hopeless(call, index)
        if self._comes_too_late(call, index):
            call.fail(self._unavailable(call, now))
        elif hopeless and not call.attempts:
            self._ask_all_the_same(call, now)
        elif waited > self._patience.ledger:
            if hopeless and self._gaps:
                self._gaps.waited_in_vain(index, self._held())
            lost = any(index in node.ledgers and not node.ready for node in self._nodes)
            call.fail(unanswered(call, self._nodes) if lost else self._unavailable(call, now))
        elif hopeless and not self._may_be_filled(index):
            call.fail(self._unavailable(call, now))
        elif hopeless and now >= call.retry_at:
            self._ask_all_the_same(call, now)

    def _ask_all_the_same(self, call: Call, now: float) -> None:
        """Ask for a ledger that no node says it holds."""
        able = choose(self._nodes, ledger_index=None, newest=self.newest, now=now)
        if not isinstance(able, Wait):
            self._parked.pop()
            able.send(call)

    def _may_be_filled(self, index: int) -> bool:
        gaps = self._gaps
        return gaps is not None and gaps.may_be_filled(index, self._held(), newest=self.newest)

    def _held(self) -> LedgerSet:
        return LedgerSet.of(r for n in self._nodes for r in n.ledgers.ranges)

    def _hopeless(self, call: Call, index: int) -> bool:
        """An old ledger that no node, connected or not, holds or may come to hold."""
        if index > self.newest - _RECENT or any(index in n.ledgers for n in self._nodes):
            return False
        if any(0 < n.ledgers.last < index for n in self._nodes):
            return False  # it lags, and is not there yet
        return self._is_known_what_they_hold(call)

    def _comes_too_late(self, call: Call, index: int) -> bool:
        """One that cannot close while it is waited for: no network closes one every second."""
        ahead = index - self.newest
        return (
            self.newest > 0
            and ahead > _RECENT + self._patience.ledger
            and self._is_known_what_they_hold(call)
        )

    def _is_known_what_they_hold(self, call: Call) -> bool:
        assert call.parked is not None
        return all(n.refreshed >= call.parked - _FRESH for n in self._nodes if n.ready)

    def _unavailable(self, call: Call, now: float) -> LedgerUnavailable:
        return unavailable(call, self._nodes, newest=self.newest, now=now)

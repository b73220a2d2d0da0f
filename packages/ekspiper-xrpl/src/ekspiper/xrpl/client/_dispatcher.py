"""Carries each request to a node that can answer it, and on to another when that one does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ._call import Backlog, Call, Stage
from ._choice import Wait, choose
from ._node import Node
from ._timeouts import Outlook, Prospect, Timeouts
from .answer import Verdict, error_of, judge, warns_of_load
from .errors import ConnectionLost, NodeBusy, RequestError, RequestTimeout

__all__ = ["Dispatcher"]

# A request that this many connections were lost on is itself the likely reason.
_MOST_ATTEMPTS = 20
# The first silence may be a node's fault, the second that of the next one; the third is the
# request's own.
_MOST_TIMEOUTS = 3
# A node is asked what it holds at most once in this many seconds, however many requests are parked.
_REFRESH = 1.0
# The backlog may be long: this many of those that wait are tried on a node that has room.
_LOOK_AHEAD = 64


class Dispatcher:
    """Places requests, and places them again.

    Args:
        nodes: the pool's nodes.
        clock: the pool's clock, in seconds.
        timeouts: how long requests wait, and for what.
        prospect: says whether parked requests may still be answered.
        refresh: asks a node what it holds.

    Attributes:
        newest: the newest ledger of the network, as far as the pool knows.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        clock: Callable[[], float],
        timeouts: Timeouts,
        prospect: Prospect,
        refresh: Callable[[Node], None],
    ) -> None:
        self.newest = 0
        self._nodes = nodes
        self._clock = clock
        self._timeouts = timeouts
        self._prospect = prospect
        self._refresh = refresh
        self._backlog = Backlog()
        self._timer: asyncio.TimerHandle | None = None

    def missing(self, now: float) -> dict[int, float]:
        """Ledgers that requests wait for because no node serves them: since how many seconds."""
        found: dict[int, float] = {}
        for call in self._backlog.missed:
            index = call.ledger_index
            if index is not None:
                found[index] = max(found.get(index, 0.0), call.waited(now))
        return found

    def submit(self, call: Call) -> None:
        """Take a new request."""
        # Those that wait were there before it.
        if self._backlog.waiting or not self._place(call, self._clock()):
            self._backlog.wait(call)
            self._arm()

    def close(self, error: Exception) -> None:
        """Fail every request that is not with a node."""
        self._backlog.fail(error)
        if self._timer:
            self._timer.cancel()

    # Placing.

    def _place(self, call: Call, now: float) -> bool:
        """Send or park a request; False when it has to wait for room."""
        choice = self._choose(call, now)
        if choice is Wait.ROOM:
            return False
        if isinstance(choice, Wait):
            self._backlog.park(call, now)
            if choice is Wait.HOLDER:
                self._refresh_all(now)
        else:
            choice.send(call, now)
        return True

    def _choose(self, call: Call, now: float) -> Node | Wait:
        return choose(
            self._nodes,
            ledger_index=call.ledger_index,
            excluded=call.excluded,
            avoided=call.avoided,
            newest=self.newest,
            now=now,
        )

    def pump(self) -> None:
        """Send what waits, as far as there is room."""
        now = self._clock()
        passed: list[Call] = []
        while self._backlog.waiting and len(passed) < _LOOK_AHEAD:
            if not any(n.ready and n.allows(now) for n in self._nodes):
                break
            call = self._backlog.next_waiting()
            if call.stage is not Stage.SETTLED and not self._place(call, now):
                passed.append(call)
        for call in reversed(passed):
            self._backlog.wait(call, first=True)
        if self._backlog.waiting:
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

    def answered(self, node: Node, call: Call, response: dict[str, Any], now: float) -> None:
        """Take a response: settle the request, or carry it on."""
        if warns_of_load(response):
            node.overloaded("warning: load", delay=0.0)
        if call.stage is not Stage.SETTLED:
            self._take(node, call, response, now)
        if self._backlog.waiting:
            self.pump()

    def _take(self, node: Node, call: Call, response: dict[str, Any], now: float) -> None:
        verdict = judge(response, ledger_index=call.ledger_index)
        if verdict is Verdict.GOOD:
            node.answers += 1
            node.window.succeeded(node.in_flight + 1, now)
            call.settle(response, node.label)
            return
        error, message = error_of(response)
        call.not_answered(error)
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
            self._overloaded(node, call, response.get("retry_after"), now)
        else:
            self._lacking(node, call, now)

    def _goes_elsewhere(self, node: Node, call: Call, now: float) -> bool:
        """Pass the request to a node that has not refused it yet; False if there is none."""
        call.refused_by(node)
        if call.stage is Stage.SENT:
            return True
        others = [n for n in self._nodes if n.ready and n not in call.refusing]
        if call.ledger_index is not None:
            others = [n for n in others if call.ledger_index in n.ledgers]
        if not others or not call.repeatable:
            return False
        node.log.unable(call.name, call.last_error, now)
        self._place_first(call, now)
        return True

    def _overloaded(self, node: Node, call: Call, hint: object, now: float) -> None:
        delay = float(hint) if isinstance(hint, int | float) else None
        node.overloaded(call.last_error, delay=delay)
        refused = call.overloads(now)
        if refused > self._timeouts.overload:
            message = f"{call.name} was refused for {refused:.0f} s: {call.last_error}"
            call.fail(NodeBusy(max(1.0, node.window.opens_at() - now), message))
            return
        if refused > self._timeouts.avoid:
            call.avoids_nobody()
        if call.stage is not Stage.SENT:
            self._backlog.wait(call, first=True)
            self._arm()

    def _lacking(self, node: Node, call: Call, now: float) -> None:
        if call.attempts == 1:
            node.log.unable(call.name, call.last_error, now)
        call.lacked_by(node, now)
        if call.stage is not Stage.SENT:
            self._place_first(call, now)

    def _place_first(self, call: Call, now: float) -> None:
        """Place one that was placed before: it does not queue up again."""
        if not self._place(call, now):
            self._backlog.wait(call, first=True)

    # Nodes that are lost or late.

    def lost(self, node: Node, calls: list[Call]) -> None:
        """A connection is lost: its requests are sent elsewhere, the oldest first."""
        for call in reversed(calls):
            if call.stage is not Stage.NEW:
                continue  # settled, or another node works on it as well
            if not call.repeatable:
                call.fail(ConnectionLost(f"{node.label} was lost with {call.name} open"))
            elif call.attempts >= _MOST_ATTEMPTS:
                call.fail(RequestTimeout(f"{call.name}: lost {call.attempts} connections on it"))
            else:
                self._backlog.wait(call, first=True)
        self._flush_waiting()

    def _flush_waiting(self) -> None:
        """Pump; with no node ready, everything that waits for room waits for a node."""
        if any(n.ready for n in self._nodes):
            self.pump()
            return
        now = self._clock()
        for call in self._backlog.take_waiting():
            self._backlog.park(call, now)

    def tick(self, now: float, elapsed: float) -> None:
        """Look after everything that is late."""
        for node in self._nodes:
            if node.ready:
                self._look_at_late(node, now)
        # First those that waited longer: what is placed now takes the room that is left.
        if self._backlog.any_is_parked:
            self.review(now, elapsed)
        if self._backlog.waiting:
            self._flush_waiting()

    def _look_at_late(self, node: Node, now: float) -> None:
        timeouts = self._timeouts
        usual = min(node.timing.usual, timeouts.latest_hedge)
        late = min(max(timeouts.hedge, usual), timeouts.request)
        for number, call, age in node.overdue(late, now):
            if call.stage is Stage.SETTLED:
                if age > timeouts.request:
                    node.forget(number)
            elif age > timeouts.request:
                self._stuck(node, call, age)
                return
            # Never more than two: a request that is slow everywhere is heavy, and not lost.
            elif len(call.holders) < 2 and call.repeatable:
                self._hedge(node, call, age, now)

    def _stuck(self, node: Node, call: Call, age: float) -> None:
        if (times := call.timed_out()) >= _MOST_TIMEOUTS:
            message = f"{call.name}: not answered {times} times, last by {node.label}"
            call.fail(RequestTimeout(message))
        node.drop(f"did not answer {call.name} for {age:.1f} s")

    def _hedge(self, node: Node, call: Call, age: float, now: float) -> None:
        other = self._choose(call, now)
        if isinstance(other, Wait):
            return
        # That it is slow is known now, not only when it answers: the next requests avoid it.
        node.timing.take(age, now)
        other.send(call, now)
        node.log.slow(call.name, age, now, other=other.label)

    # Requests that no node can answer now.

    def review(self, now: float, elapsed: float = 0.0) -> None:
        """Place parked requests, or give them up.

        Args:
            elapsed: seconds since the last review. Where no node is ready at all, they do not count
                as waiting for a ledger.
        """
        any_ready = any(n.ready for n in self._nodes)
        for call in self._backlog.take_parked():
            if call.stage is Stage.SETTLED:
                continue
            if not any_ready:
                self._backlog.park(call, now, outage=elapsed)
                continue
            if now >= call.retry_at:
                call.may_be_there_now()
            self._review_one(call, now)

    def _review_one(self, call: Call, now: float) -> None:
        choice = self._choose(call, now)
        if choice is Wait.ROOM:
            self._backlog.wait(call)
        elif not isinstance(choice, Wait):
            choice.send(call, now)
        else:
            if choice is Wait.HOLDER:
                self._refresh_all(now)
            self._give_up_or_keep(call, now)

    def _give_up_or_keep(self, call: Call, now: float) -> None:
        outlook = self._prospect.of(call, newest=self.newest, now=now)
        if isinstance(outlook, Exception):
            call.fail(outlook)
            return
        if outlook is Outlook.ASK:
            # One that is up to date: it has what the others have.
            able = choose(self._nodes, ledger_index=None, newest=self.newest, now=now)
            if not isinstance(able, Wait):
                able.send(call, now)
                return
        self._backlog.park(call, now)

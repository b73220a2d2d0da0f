"""One request on its way, how a request may be written, and those that no node is working on."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .answer import Answer, Cut

if TYPE_CHECKING:
    from xrpl.models.requests.request import Request as ModelRequest

__all__ = ["API_VERSION", "Backlog", "Call", "Request", "Stage", "as_message", "ask_again_in"]

Request: TypeAlias = "Mapping[str, Any] | ModelRequest"
"""A plain dict with a `command`, or a request model of xrpl-py."""

# Servers default to 1, in which ledgers and transactions have other shapes.
API_VERSION = 2

# Sent twice, these would act twice or disagree with themselves.
_NOT_REPEATABLE = frozenset({"sign", "sign_for", "submit", "submit_multisigned"})

# What some servers put among the fields of a result, although it belongs beside it: it must not
# become part of a record.
_BESIDE = frozenset({"forwarded", "warning", "warnings"})

# The next question to a node that lacks something comes after a tenth of the time that was waited
# already: what comes is late by a tenth more at most, and a ledger that is missing for an hour
# costs a request every five seconds.
_SOONEST_RETRY = 0.1
_LATEST_RETRY = 5.0


# A plain dict first: to ask an abstract class costs ten times as much.
_MAPPINGS = (dict, Mapping)


def as_message(request: Request) -> dict[str, Any]:
    """The request as it goes over the WebSocket, without `id`, with an `api_version`."""
    if isinstance(request, _MAPPINGS):
        message = dict(request)
    else:
        message = request.to_dict()
        message["command"] = message.pop("method")
    message.pop("id", None)
    message.setdefault("api_version", API_VERSION)
    return message


def ask_again_in(waited: float) -> float:
    """Seconds until the next question to a node that lacks something, `waited` seconds late already."""
    return min(max(_SOONEST_RETRY, waited / 10), _LATEST_RETRY)


class Stage(enum.Enum):
    """Where a request is."""

    NEW = "not placed: it is new, or the node that had it is gone"
    WAITING = "in the backlog, until a node that can answer has room"
    PARKED = "in the backlog, until a node can answer it"
    SENT = "with one node or two"
    SETTLED = "answered, failed, or given up by who asked"


class Call:
    """One request until it is answered, to whichever nodes it is sent meanwhile.

    Its methods are what can happen to it; nothing else changes it.

    Args:
        message: the request without `id`.
        answer: settles once.
        ledger_index: the ledger it needs; None if it needs no certain one.
        raw: whether an error answer is an answer.
        once: whether each node is asked once only, whatever it answers.
        cut: what is cut out of the answer's text before that becomes objects.
        avoided: nodes to ask only when no other can answer.
    """

    __slots__ = (
        "_overloaded_since",
        "_parked_since",
        "_stage",
        "answer",
        "attempts",
        "avoided",
        "cut",
        "holders",
        "lacking",
        "last_error",
        "ledger_index",
        "message",
        "once",
        "raw",
        "refusing",
        "retry_at",
        "timeouts",
    )

    def __init__(
        self,
        message: dict[str, Any],
        answer: asyncio.Future[Answer],
        *,
        ledger_index: int | None,
        raw: bool = False,
        once: bool = False,
        cut: Cut | None = None,
        avoided: tuple[Hashable, ...] = (),
    ) -> None:
        self.message = message
        self.answer = answer
        self.ledger_index = ledger_index
        self.raw = raw
        self.once = once
        self.cut = cut
        self.holders: list[Hashable] = []
        """Nodes that are working on it."""
        self.lacking: list[Hashable] = []
        """Nodes that do not have what it needs; asked again after `retry_at`."""
        self.refusing: list[Hashable] = []
        """Nodes that do not do what it asks; not asked again."""
        self.attempts = 0
        self.timeouts = 0
        self.retry_at = 0.0
        self.last_error = ""
        self.avoided = avoided
        """Nodes to ask only when no other can answer."""
        self._stage = Stage.NEW
        self._overloaded_since: float | None = None
        self._parked_since: float | None = None

    @property
    def stage(self) -> Stage:
        """Where it is now."""
        return Stage.SETTLED if self.answer.done() else self._stage

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time."""
        return self.message.get("command") not in _NOT_REPEATABLE

    @property
    def name(self) -> str:
        """The command and its ledger, for messages."""
        command = str(self.message.get("command", "request"))
        return command if self.ledger_index is None else f"{command} of {self.ledger_index}"

    @property
    def excluded(self) -> tuple[Hashable, ...]:
        """Nodes that are not asked now."""
        return (*self.holders, *self.lacking, *self.refusing)

    @property
    def parked_since(self) -> float | None:
        """Since when no ready node has what it needs; moves on while no node is ready."""
        return self._parked_since

    def waited(self, now: float) -> float:
        """Seconds since no ready node has what it needs; 0 when one may have it."""
        return 0.0 if self._parked_since is None else max(0.0, now - self._parked_since)

    # What happens to it.

    def sent_to(self, node: Hashable) -> None:
        """A node works on it."""
        self._stage = Stage.SENT
        self.holders.append(node)
        self.attempts += 1

    def left(self, node: Hashable) -> None:
        """A node has answered, or its connection is lost."""
        if node in self.holders:
            self.holders.remove(node)
        if not self.holders:
            self._stage = Stage.NEW

    def waits(self) -> None:
        """It is in the backlog, for room."""
        self._stage = Stage.WAITING

    def parks(self, now: float, *, outage: float = 0.0) -> None:
        """It is in the backlog, for a node that can answer it.

        Args:
            outage: seconds during which no node was ready at all: they do not count.
        """
        self._stage = Stage.PARKED
        self._parked_since = now if self._parked_since is None else self._parked_since + outage

    def not_answered(self, error: str) -> None:
        """A node gave an error that does not settle it, or not yet."""
        self.last_error = error

    def lacked_by(self, node: Hashable, now: float) -> None:
        """A node does not have what it needs."""
        self.lacking.append(node)
        self.retry_at = now + ask_again_in(self.waited(now))

    def may_be_there_now(self) -> None:
        """Nodes that lacked it are asked again."""
        self.lacking.clear()

    def refused_by(self, node: Hashable) -> None:
        """A node does not do what it asks."""
        self.refusing.append(node)

    def overloads(self, now: float) -> float:
        """A node refuses it for load; for how many seconds they have done so."""
        if self._overloaded_since is None:
            self._overloaded_since = now
        return now - self._overloaded_since

    def avoids_nobody(self) -> None:
        """Nodes that could do better will not."""
        self.avoided = ()

    def timed_out(self) -> int:
        """A node sat on it for too long; how often that was so."""
        self.timeouts += 1
        return self.timeouts

    def fail(self, error: Exception) -> None:
        """Settle with an error, unless it is settled."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def settle(self, response: dict[str, Any], node: str) -> None:
        """Settle with a node's answer, unless it is settled."""
        if not self.answer.done():
            result = response.get("result")
            given = result if isinstance(result, dict) else {}
            if not _BESIDE.isdisjoint(given):
                given = {name: value for name, value in given.items() if name not in _BESIDE}
            self.answer.set_result(Answer(given, response, node))


class Backlog:
    """The requests that no node is working on: those that wait for room, and those that are parked."""

    def __init__(self) -> None:
        self.waiting: deque[Call] = deque()
        """Those that wait for room."""
        self._parked: list[Call] = []
        self._missed: set[Call] = set()

    def __len__(self) -> int:
        return len(self.waiting) + len(self._parked)

    @property
    def any_is_parked(self) -> bool:
        """Whether a request waits for a node that can answer it."""
        return bool(self._parked)

    @property
    def missed(self) -> frozenset[Call]:
        """Those that were parked at some time, and are not settled."""
        return frozenset(self._missed)

    def wait(self, call: Call, *, first: bool = False) -> None:
        """It waits for room; `first` before all others, as it was there before them."""
        call.waits()
        if first:
            self.waiting.appendleft(call)
        else:
            self.waiting.append(call)

    def park(self, call: Call, now: float, *, outage: float = 0.0) -> None:
        """It waits for a node that can answer it."""
        call.parks(now, outage=outage)
        self._parked.append(call)
        if call not in self._missed:
            self._missed.add(call)
            call.answer.add_done_callback(lambda _: self._missed.discard(call))

    def next_waiting(self) -> Call:
        """Take out the one that waits first."""
        return self.waiting.popleft()

    def take_waiting(self) -> list[Call]:
        """Take out all that wait for room."""
        taken = [*self.waiting]
        self.waiting.clear()
        return taken

    def take_parked(self) -> list[Call]:
        """Take out all that are parked."""
        taken, self._parked = self._parked, []
        return taken

    def fail(self, error: Exception) -> None:
        """Fail all of them."""
        for call in (*self.take_waiting(), *self.take_parked()):
            call.fail(error)

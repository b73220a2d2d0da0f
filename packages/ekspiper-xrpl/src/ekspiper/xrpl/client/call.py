"""One request on its way, and how a request may be written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .answers import Answer

if TYPE_CHECKING:
    from xrpl.models.requests.request import Request as ModelRequest

    from .node import Node

__all__ = ["Call", "Request", "as_message"]

Request: TypeAlias = "Mapping[str, Any] | ModelRequest"
"""A plain dict with a `command`, or a request model of xrpl-py."""

API_VERSION = 2

# Sent twice, these would act twice or disagree with themselves.
_NOT_REPEATABLE = frozenset({"sign", "sign_for", "submit", "submit_multisigned"})

# What some servers put among the fields of a result, although it belongs beside it: it must not
# become part of a record.
_BESIDE = frozenset({"forwarded", "warning", "warnings"})


def as_message(request: Request) -> dict[str, Any]:
    """The request as it goes over the WebSocket, without `id`, with an `api_version`."""
    if isinstance(request, Mapping):
        message = dict(request)
    else:
        message = request.to_dict()
        message["command"] = message.pop("method")
    message.pop("id", None)
    message.setdefault("api_version", API_VERSION)
    return message


class Call:
    """One request until it is answered, whichever nodes it is sent to meanwhile.

    Attributes:
        message: the request without `id`.
        ledger_index: the ledger it needs; None for none, or for the latest.
        raw: whether an error answer is an answer.
        once: whether each node is asked once only, whatever it answers.
        answer: settles once.
        made: when it was made, by the pool's clock.
        parked: since when no ready node holds what it needs; moves on while no node is ready.
        holders: nodes that are working on it.
        lacking: nodes that do not have what it needs; asked again only after a while.
        refusing: nodes that do not do what it asks; not asked again.
        avoided: nodes to ask only when no other can answer.
        attempts: how often it was sent.
        timeouts: how often a node sat on it for too long.
        overloaded: since when the nodes refuse it for load; None if they do not.
        last_error: the last error answer that was not final.
    """

    __slots__ = (
        "answer",
        "attempts",
        "avoided",
        "holders",
        "lacking",
        "last_error",
        "ledger_index",
        "made",
        "message",
        "once",
        "overloaded",
        "parked",
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
        raw: bool,
        made: float,
        once: bool = False,
    ) -> None:
        self.message = message
        self.answer = answer
        self.ledger_index = ledger_index
        self.raw = raw
        self.once = once
        self.made = made
        self.parked: float | None = None
        self.retry_at = 0.0
        self.holders: list[Node] = []
        self.lacking: list[Node] = []
        self.refusing: list[Node] = []
        self.avoided: tuple[Node, ...] = ()
        self.attempts = 0
        self.timeouts = 0
        self.overloaded: float | None = None
        self.last_error = ""

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time."""
        return self.message.get("command") not in _NOT_REPEATABLE

    def waited(self, now: float) -> float:
        """Seconds since no ready node has what it needs; 0 when one may have it."""
        return 0.0 if self.parked is None else max(0.0, now - self.parked)

    @property
    def name(self) -> str:
        """The command and its ledger, for messages."""
        command = str(self.message.get("command", "request"))
        return command if self.ledger_index is None else f"{command} of {self.ledger_index}"

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

"""Makes one stream of what several nodes send: each thing once, the first valid one."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from .node import Node
from .subscription import Subscription

__all__ = ["Feed"]

log = logging.getLogger("ekspiper.xrpl.client")

_MEMORY = 4096
_HASH = re.compile(r"[0-9A-F]{64}")

# Which messages a stream brings: https://xrpl.org/docs/references/http-websocket-apis/
_STREAM_OF = {
    "ledgerClosed": ("ledger",),
    "transaction": ("transactions", "transactions_proposed"),
    "validationReceived": ("validations",),
    "consensusPhase": ("consensus",),
    "peerStatusChange": ("peer_status",),
    "serverStatus": ("server",),
    "bookChanges": ("book_changes",),
    "manifestReceived": ("manifests",),
}


class Feed:
    """The subscriptions of a pool, and the ledgers that its nodes say were closed.

    Args:
        lied: called with a node that stands alone against two others about a ledger's hash.
        left: called with streams that nobody reads any more.
    """

    def __init__(
        self, *, lied: Callable[[Node, str], None], left: Callable[[list[str]], None]
    ) -> None:
        self.newest = 0
        self._lied = lied
        self._left = left
        self._subscriptions: list[Subscription] = []
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._closed: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._votes: OrderedDict[int, dict[str, set[Node]]] = OrderedDict()

    @property
    def streams(self) -> tuple[str, ...]:
        """What has to be subscribed to on every node."""
        return tuple(sorted({stream for s in self._subscriptions for stream in s.streams}))

    def closed_ledger(self, index: int) -> dict[str, Any] | None:
        """The `ledgerClosed` message of a recent ledger."""
        return self._closed.get(index)

    def join(self, streams: tuple[str, ...], *, newest_only: bool) -> Subscription:
        """A new subscription; it starts with the newest ledger, when that is known."""
        subscription = Subscription(streams, newest_only=newest_only, leave=self._leave)
        self._subscriptions.append(subscription)
        newest = self._closed.get(self.newest)
        if "ledger" in streams and newest is not None:
            subscription.put(newest)
        return subscription

    def _leave(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            before = self.streams
            self._subscriptions.remove(subscription)
            after = self.streams
            if before != after:
                self._left([stream for stream in before if stream not in after])

    def fail(self, error: Exception) -> None:
        """End every subscription."""
        for subscription in list(self._subscriptions):
            subscription.fail(error)

    def take(self, node: Node, message: dict[str, Any]) -> None:
        """Pass a message on, unless it is invalid or was here before."""
        kind = message.get("type")
        if kind == "ledgerClosed":
            if not self._take_ledger(node, message):
                return
        elif kind == "transaction" and not self._first(_transaction_key(message)):
            return
        wanted = _STREAM_OF.get(str(kind), ())
        for subscription in tuple(self._subscriptions):
            if not wanted or any(stream in subscription.streams for stream in wanted):
                subscription.put(message)

    def _first(self, key: Hashable) -> bool:
        if key in self._seen:
            return False
        _remember(self._seen, key, None)
        return True

    def _take_ledger(self, node: Node, message: dict[str, Any]) -> bool:
        """Whether it is a ledger that was not here before."""
        index, ledger_hash = message.get("ledger_index"), message.get("ledger_hash")
        if not isinstance(index, int) or not isinstance(ledger_hash, str):
            return False
        if not _HASH.fullmatch(ledger_hash) or not isinstance(message.get("ledger_time"), int):
            log.warning(
                "%s: ledger %d closed with a hash or a time that is none", node.label, index
            )
            return False
        self._vote(node, index, ledger_hash)
        if index in self._closed:
            return False
        _remember(self._closed, index, message)
        self.newest = max(self.newest, index)
        return True

    def _vote(self, node: Node, index: int, ledger_hash: str) -> None:
        if index not in self._votes:
            _remember(self._votes, index, {})
        votes = self._votes[index]
        _withdraw(node, votes, index, ledger_hash)
        known = ledger_hash in votes
        votes.setdefault(ledger_hash, set()).add(node)
        if len(votes) == 1:
            self._correct(index, ledger_hash)
            return
        if not known:
            log.warning("nodes disagree about ledger %d: %s", index, _who_says_what(votes))
        best = max(votes, key=lambda h: len(votes[h]))
        if len(votes[best]) < 2:
            return
        self._correct(index, best)
        for other in [h for h in votes if h != best and len(votes[h]) == 1]:
            liar = votes.pop(other).pop()
            self._lied(liar, f"it alone says that ledger {index} has the hash {other[:12]}…")

    def _correct(self, index: int, ledger_hash: str) -> None:
        """What was passed on first turned out not to be the ledger."""
        if index in self._closed and self._closed[index]["ledger_hash"] != ledger_hash:
            self._closed[index] = {**self._closed[index], "ledger_hash": ledger_hash}


def _withdraw(node: Node, votes: dict[str, set[Node]], index: int, ledger_hash: str) -> None:
    """A node that says something else than before has left its fork, or gone onto one."""
    for before in [h for h in votes if node in votes[h] and h != ledger_hash]:
        log.warning(
            "%s: ledger %d is %s…, not %s… any more",
            node.label,
            index,
            ledger_hash[:12],
            before[:12],
        )
        votes[before].discard(node)
        if not votes[before]:
            del votes[before]


def _who_says_what(votes: dict[str, set[Node]]) -> str:
    return "; ".join(
        f"{h[:12]}… from {', '.join(sorted(n.label for n in nodes))}" for h, nodes in votes.items()
    )


def _transaction_key(message: dict[str, Any]) -> Hashable:
    inner = message.get("tx_json") or message.get("transaction") or {}
    return (message.get("hash") or inner.get("hash"), message.get("validated"))


def _remember(memory: OrderedDict[Any, Any], key: Hashable, value: object) -> None:
    memory[key] = value
    while len(memory) > _MEMORY:
        memory.popitem(last=False)

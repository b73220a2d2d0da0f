"""Messages of the nodes' streams, as one stream."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from ekspiper.core import Retryable

from ._call import API_VERSION
from ._node import Node
from .errors import ConnectionLost, RequestError

__all__ = ["Feed", "Subscription", "SubscriptionOverrun"]

log = logging.getLogger("ekspiper.xrpl.client")

# A reader that is this far behind, some minutes of a busy network's transactions, does not catch up.
_MOST_MESSAGES = 10_000
# What was passed on already is remembered for this many messages: some minutes of a busy network's
# transactions and validations. A node is never so far behind another.
_SEEN = 16_384
# Ledgers whose closing is remembered: four hours.
_LEDGERS = 4096
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
# Not every server has these. They are subscribed to one by one, so that a refusal costs nothing else.
_OPTIONAL = frozenset({"validations", "manifests", "consensus", "peer_status", "server"})


class SubscriptionOverrun(Retryable):
    """The reader of a subscription is too slow: messages had to be dropped."""


class Subscription:
    """An async iterator over messages; made by `NodePool.subscribe`.

    Close it (`async with`, or `close()`) when it is not read to the end of the pool.

    Attributes:
        dropped: how many messages were dropped unread, with `drop_oldest`.
    """

    def __init__(
        self,
        streams: tuple[str, ...],
        *,
        newest_only: bool,
        drop_oldest: bool = False,
        leave: Callable[[Subscription], None],
    ) -> None:
        self.streams = streams
        self.dropped = 0
        self._drop_oldest = drop_oldest
        self._messages: deque[dict[str, Any]] = deque(maxlen=1 if newest_only else None)
        self._leave = leave
        self._changed = asyncio.Event()
        self._error: Exception | None = None
        self._closed = False

    def put(self, message: dict[str, Any]) -> None:
        """Hand a message to the reader."""
        if len(self._messages) >= _MOST_MESSAGES and self._drop_oldest:
            self._messages.popleft()
            self.dropped += 1
        elif len(self._messages) >= _MOST_MESSAGES:
            self.fail(SubscriptionOverrun(f"{_MOST_MESSAGES} messages were not read in time"))
            return
        self._messages.append(message)
        self._changed.set()

    def fail(self, error: Exception) -> None:
        """End the stream with an error, after the messages that are unread."""
        self._error = self._error or error
        self._changed.set()
        self._leave(self)

    def close(self) -> None:
        """End the stream; closing twice is fine."""
        self._closed = True
        self._changed.set()
        self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        return self._messages.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Feed:
    """The subscriptions of a pool, and the ledgers that its nodes say were closed.

    It makes one stream of what several nodes send: each thing once, the first valid one.

    Args:
        nodes: the pool's nodes.
        lied: called with a node that stands alone against two others about a ledger's hash.
        spawn: runs something beside.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        lied: Callable[[Node, str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.newest = 0
        self._nodes = nodes
        self._lied = lied
        self._spawn = spawn
        self._subscriptions: list[Subscription] = []
        self._refusing: dict[str, set[Node]] = {}
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

    def join(
        self, streams: tuple[str, ...], *, newest_only: bool, drop_oldest: bool
    ) -> Subscription:
        """A new subscription; it starts with the newest ledger, when that is known."""
        before = self.streams
        subscription = Subscription(
            streams, newest_only=newest_only, drop_oldest=drop_oldest, leave=self._leave
        )
        self._subscriptions.append(subscription)
        # Only what is new on the wire: a second reader of a stream costs the nodes nothing.
        if self.streams != before:
            for node in self._nodes:
                if node.ready:
                    self._spawn(self._subscribe(node))
        newest = self._closed.get(self.newest)
        if "ledger" in streams and newest is not None:
            subscription.put(newest)
        return subscription

    def _leave(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            before = self.streams
            self._subscriptions.remove(subscription)
            after = self.streams
            if unread := [stream for stream in before if stream not in after]:
                self._unsubscribe(unread)

    def requests(self) -> list[dict[str, Any]]:
        """The `subscribe` requests of a new connection."""
        streams = self.streams
        # What comes with a ledger is asked for before the ledgers.
        groups = [[each] for each in streams if each in _OPTIONAL]
        groups.append([each for each in streams if each not in _OPTIONAL])
        return [
            {"command": "subscribe", "streams": group, "api_version": API_VERSION}
            for group in groups
            if group
        ]

    async def _subscribe(self, node: Node) -> None:
        for request in self.requests():
            try:
                node.subscribed(request, await node.ask(request))
            except RequestError:
                continue  # it was noted
            except (ConnectionLost, TimeoutError) as error:
                node.drop(f"subscribe failed: {error or 'no answer in time'}")
                return

    def accepted(self, node: Node, request: dict[str, Any]) -> None:
        """A node has subscribed to these streams."""
        for stream in request["streams"]:
            self._refusing.get(stream, set()).discard(node)

    def refused(self, node: Node, request: dict[str, Any], error: RequestError) -> None:
        """A node does not send these streams; an error for their readers when no other does.

        Raises:
            RequestError: what has to be known of every node is among them.
        """
        streams = request["streams"]
        for stream in streams:
            self._refusing.setdefault(stream, set()).add(node)
        # One that is not connected yet may send them.
        may = [each for each in self._nodes if each.ready or each.state == "connecting"]
        others = [each for each in may if each is not node]
        for subscription in tuple(self._subscriptions):
            wanted = [stream for stream in subscription.streams if stream in streams]
            if any(self._refusing[stream].issuperset(others) for stream in wanted):
                subscription.fail(error)
        node.log.without_streams(streams, error.error)
        if "ledger" in streams:
            raise error

    def _unsubscribe(self, streams: list[str]) -> None:
        """Tell every node that nobody reads these streams any more."""
        message = {"command": "unsubscribe", "streams": streams, "api_version": API_VERSION}
        for node in self._nodes:
            if node.ready:
                self._spawn(_tell(node, message))

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
        elif kind in _KEYS and not self._first((kind, _KEYS[kind](message))):
            return
        wanted = _STREAM_OF.get(str(kind), ())
        for subscription in tuple(self._subscriptions):
            if not wanted or any(stream in subscription.streams for stream in wanted):
                subscription.put(message)

    def _first(self, key: Hashable) -> bool:
        if key in self._seen:
            return False
        _remember(self._seen, key, None, most=_SEEN)
        return True

    def _take_ledger(self, node: Node, message: dict[str, Any]) -> bool:
        """Whether it is a ledger that was not here before."""
        index, ledger_hash = message.get("ledger_index"), message.get("ledger_hash")
        if not isinstance(index, int) or not isinstance(ledger_hash, str):
            return False
        if not _HASH.fullmatch(ledger_hash) or not isinstance(message.get("ledger_time"), int):
            log.warning(
                "%s: ledger %d closed with a hash or a time that cannot be right",
                node.label,
                index,
                extra={"ledger": index, "node": node.label},
            )
            return False
        # Also for a ledger that is known: each node has a voice, not only the first one.
        self._vote(node, index, ledger_hash)
        if index in self._closed:
            return False
        _remember(self._closed, index, message, most=_LEDGERS)
        self.newest = max(self.newest, index)
        return True

    def _vote(self, node: Node, index: int, ledger_hash: str) -> None:
        if index not in self._votes:
            _remember(self._votes, index, {}, most=_LEDGERS)
        votes = self._votes[index]
        _withdraw(node, votes, index, ledger_hash)
        known = ledger_hash in votes
        votes.setdefault(ledger_hash, set()).add(node)
        if len(votes) == 1:
            self._correct(index, ledger_hash)
            return
        if not known:
            log.warning(
                "nodes disagree about ledger %d: %s",
                index,
                _who_says_what(votes),
                extra={"ledger": index},
            )
        best = max(votes, key=lambda h: len(votes[h]))
        # One against one decides nothing: which of them is right shows in later ledgers.
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


async def _tell(node: Node, message: dict[str, Any]) -> None:
    # If this fails, the node keeps sending what is not read, which does no harm.
    with suppress(ConnectionLost, TimeoutError):
        await node.ask(message)


def _withdraw(node: Node, votes: dict[str, set[Node]], index: int, ledger_hash: str) -> None:
    """A node that changes its mind has left a fork, or joined one: only its last word counts."""
    for before in [h for h in votes if node in votes[h] and h != ledger_hash]:
        log.warning(
            "%s: ledger %d is now %s…, it was %s…",
            node.label,
            index,
            ledger_hash[:12],
            before[:12],
            extra={"ledger": index, "node": node.label},
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


# What tells two messages of a kind apart, so that what several nodes send is passed on once.
_KEYS: dict[str, Callable[[dict[str, Any]], Hashable]] = {
    "transaction": _transaction_key,
    "validationReceived": lambda message: str(message.get("data") or message.get("signature")),
    "manifestReceived": lambda message: str(message.get("manifest")),
}


def _remember(memory: OrderedDict[Any, Any], key: Hashable, value: object, *, most: int) -> None:
    memory[key] = value
    while len(memory) > most:
        memory.popitem(last=False)

"""Several nodes as one: each request is sent where it can be answered.

It is long because it is the room's public face: half of it says what its options mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from typing import Any

from ekspiper.core import Component, ConfigError
from ekspiper.xrpl.codec import Definitions, TransactionBlobs

from ._belief import Belief
from ._call import Call, Request, as_message
from ._clock import SteadyClock
from ._dispatcher import Dispatcher
from ._node import Node
from ._timeouts import Prospect, Timeouts
from ._wire import Connect, Wire
from .answer import Answer, Cut
from .errors import ConnectionLost, NodeUnreachable, RequestError, UnreadableNode, WrongNetwork
from .ledger_set import LedgerSet
from .node_status import NodeStatus
from .subscription import Feed, Subscription
from .url import check_url
from .window import is_public, window_for

__all__ = ["NodePool"]

# How often what is late is looked at: one timer for all, where each request would need its own.
_TICK = 0.1
# A server that takes longer to accept a connection, or to say who it is, cannot serve either.
_GREETING = 10.0
_USUAL = Timeouts()
_BLOBS = Cut(TransactionBlobs.of_frame, ("ledger", "transactions"))


class NodePool(Component):
    """A pool of nodes, rippled or Clio, over one WebSocket each.

    Requests wait while no node is reachable, are sent again when a connection is lost, and go to
    another node when the one that was asked is slow, busy, or without the ledger.

    Args:
        urls: one or more `ws://` or `wss://` URLs.
        network_id: the network they must belong to; None: that of the first that answers.
        connect_timeout: seconds within which one node must answer at the start; None: no bound.
        request_timeout: seconds a node may take for an answer; then it is connected to again.
        liveness: seconds without a ledger after which a subscribed connection is dead; a third
            of it without any byte, and again without an answer to a ping, is dead as well.
        hedge_after: seconds after which a request that is slow for its node is also sent to
            another one.
        latest_hedge: seconds after which it is sent even if that node is always so slow.
        ledger_timeout: seconds to wait for a ledger that should be there and is not.
        answer_timeout: seconds to wait for a node that can answer what needs no ledger.
        overload_timeout: seconds that nodes may refuse a request for load.
        avoid_timeout: seconds for which nodes that a request avoids are spared, while all
            others refuse it for load.
        wait_for_gaps: also wait for one that is missing from every node's history, as nodes fill
            gaps from their peers; otherwise it is given up as soon as all have said so.
        window: most requests in flight on one node; None: 128, on public servers 4.
        rate: most requests a second on one node; None: no bound, on public servers 10.
        polite: treat the nodes as public servers; None: those that are known to be.
        connect: opens a connection to a node; a test may give one without sockets.

    Raises:
        ConfigError: no URL, or one that is not a node's.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        network_id: int | None = None,
        connect_timeout: float | None = None,
        request_timeout: float = _USUAL.request,
        liveness: float = 15.0,
        hedge_after: float = _USUAL.hedge,
        latest_hedge: float = _USUAL.latest_hedge,
        ledger_timeout: float = _USUAL.ledger,
        answer_timeout: float = _USUAL.answer,
        overload_timeout: float = _USUAL.overload,
        avoid_timeout: float = _USUAL.avoid,
        wait_for_gaps: bool = False,
        window: int | None = None,
        rate: float | None = None,
        polite: bool | None = None,
        connect: Connect = Wire.open,
    ) -> None:
        listed = [urls] if isinstance(urls, str) else list(urls)
        if not listed:
            raise ConfigError("a pool needs at least one node, for example wss://host:51233")
        self.definitions = Definitions.bundled()
        """What the fields of this network are; `open_network` asks the nodes for it."""
        self.request_timeout = request_timeout
        self._connect_timeout = connect_timeout
        self._clock = SteadyClock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_ready = asyncio.Event()
        self._failure: Exception | None = None
        self._open = False
        self._nodes = tuple(
            Node(
                url,
                self,
                window=window_for(
                    window, rate, polite=is_public(url) if polite is None else polite
                ),
                clock=self._clock,
                liveness=liveness,
                open_timeout=min(_GREETING, request_timeout),
                public=is_public(url),
                connect=connect,
            )
            for url in dict.fromkeys(check_url(url.strip()) for url in listed)
        )
        timeouts = Timeouts(
            request=request_timeout,
            hedge=hedge_after,
            latest_hedge=latest_hedge,
            ledger=ledger_timeout,
            answer=answer_timeout,
            overload=overload_timeout,
            avoid=avoid_timeout,
        )
        self._belief = Belief(self._nodes, network_id=network_id, clock=self._clock)
        self._feed = Feed(self._nodes, lied=self._belief.eject, spawn=self._spawn)
        self._dispatcher = Dispatcher(
            self._nodes,
            clock=self._clock,
            timeouts=timeouts,
            prospect=Prospect(self._nodes, timeouts=timeouts, wait_for_gaps=wait_for_gaps),
            refresh=self._refresh,
        )

    def __repr__(self) -> str:
        return f"<NodePool {', '.join(node.label for node in self._nodes)}>"

    # Life.

    async def open(self) -> None:
        """Connect; returns when the first node is ready.

        Raises:
            NodeUnreachable: none was within `connect_timeout`; gives the reason of each.
            WrongNetwork: every node belongs to another network.
        """
        if self._open:
            return
        self._open = True
        self._clock.begin()
        for node in self._nodes:
            self._spawn(node.run())
        self._spawn(self._look_after())
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._first_ready.wait()
        except TimeoutError:
            await self.close()
            raise NodeUnreachable(self._why_unreachable()) from None
        except BaseException:
            await self.close()
            raise
        if self._failure is not None:
            failure = self._failure
            await self.close()
            raise failure

    def _why_unreachable(self) -> str:
        reasons = "; ".join(f"{n.label}: {n.log.problem or 'no answer'}" for n in self._nodes)
        return f"no node answered within {self._connect_timeout:g} s: {reasons}"

    async def close(self) -> None:
        """Close every connection; open requests fail with `ConnectionLost`."""
        if not self._open:
            return
        self._open = False
        gone = ConnectionLost("the pool was closed")
        self._feed.fail(gone)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._dispatcher.close(gone)
        self._first_ready.clear()
        self._failure = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if not self._open:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _fail(self, error: Exception) -> None:
        """The pool cannot answer anything from now on."""
        self._failure = self._failure or error
        self._first_ready.set()
        self._dispatcher.close(error)
        self._feed.fail(error)

    async def _look_after(self) -> None:
        """One timer for all time-outs, as one for each request would cost more than the request."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_TICK)
            elapsed = loop.time() - before
            self._clock.slept(_TICK, elapsed)
            now = self._clock()
            subscribed = "ledger" in self._feed.streams
            for node in self._nodes:
                node.check_alive(now, subscribed=subscribed)
            self._belief.pardon_if_alone(elapsed)
            self._dispatcher.tick(now, elapsed)

    # Requests.

    async def request(self, request: Request, *, ledger_index: int | None = None) -> dict[str, Any]:
        """The `result` of a request.

        Args:
            request: a dict with a `command`, or a model of xrpl-py; `api_version` is 2 unless given.
            ledger_index: the ledger it needs, to find a node that holds it; None: the
                `ledger_index` in the request, if that is a number.

        Raises:
            RequestError: the server refused it.
            LedgerUnavailable: no node has that ledger.
            NodeBusy, NodeUnreachable, RequestTimeout: trying later may help.
        """
        return (await self.submit(request, ledger_index=ledger_index)).result

    async def request_raw(
        self, request: Request, *, ledger_index: int | None = None
    ) -> dict[str, Any]:
        """The whole response as it came over the WebSocket, refusals included."""
        return (await self.submit(request, ledger_index=ledger_index, raw=True)).response

    async def ask(
        self,
        request: Request,
        *,
        ledger_index: int | None = None,
        avoid: Collection[str] = (),
        raw: bool = False,
        blobs: bool = False,
    ) -> Answer:
        """Like `request`, and says who answered.

        Args:
            avoid: nodes, as `Answer.node` names them, to ask only when no other can answer.
            raw: return the server's refusals instead of raising them.
            blobs: take the transactions of a ledger in binary as one buffer where that can be: then
                they are `codec.TransactionBlobs` in the result, and no list.
        """
        cut = _BLOBS if blobs else None
        return await self.submit(request, ledger_index=ledger_index, avoid=avoid, raw=raw, cut=cut)

    def submit(
        self,
        request: Request,
        *,
        ledger_index: int | None = None,
        avoid: Collection[str] = (),
        raw: bool = False,
        once: bool = False,
        cut: Cut | None = None,
    ) -> asyncio.Future[Answer]:
        """Like `ask`, for those who have many questions: the answer, which is on its way.

        Cancel it if it is not needed any more.

        Args:
            once: ask each node once only, whatever it answers.
            cut: what is cut out of the answer's text, where that can be.
        """
        if self._failure is not None:
            raise self._failure
        if not self._open:
            raise ConnectionLost("the pool is not open: use `async with NodePool(...) as pool`")
        message = as_message(request)
        if ledger_index is None:
            given = message.get("ledger_index")
            ledger_index = given if type(given) is int else None
        call = Call(
            message,
            asyncio.get_running_loop().create_future(),
            ledger_index=ledger_index,
            raw=raw,
            once=once,
            cut=cut,
            avoided=tuple(node for node in self._nodes if node.label in avoid) if avoid else (),
        )
        self._dispatcher.submit(call)
        return call.answer

    async def ask_once(self, request: Request, *, within: float = 10.0) -> Answer:
        """Ask for something optional: each node once, and no node again.

        A Clio server, for example, answers `server_definitions` only while the rippled behind it
        does, and no command should wait for that.

        Args:
            within: seconds for all nodes together.

        Raises:
            RequestError: no node gave it; what the last one said.
            NodeUnreachable: no answer within that time.
        """
        refusal: RequestError | None = None
        try:
            async with asyncio.timeout(within):
                while True:
                    try:
                        return await self.submit(request, once=True)
                    except RequestError as error:
                        refusal = error
                    # One that is not connected yet may know.
                    if not any(node.state == "connecting" for node in self._nodes):
                        raise refusal
                    await asyncio.sleep(_TICK)
        except TimeoutError:
            command = as_message(request).get("command")
            raise refusal or NodeUnreachable(
                f"no node answered {command} within {within:g} s"
            ) from None

    # Streams.

    def subscribe(
        self, streams: Sequence[str], *, newest_only: bool = False, drop_oldest: bool = False
    ) -> Subscription:
        """Messages of the streams, from every node, each once.

        Ledgers and transactions are known by their hashes, validations and manifests by their
        bytes; the first valid message counts. After a lost connection the subscription is renewed;
        what was missed meanwhile is not repeated by servers, see `LedgerStream`. A node that refuses
        a stream counts as one without it.

        Args:
            streams: for example `["ledger", "transactions"]`.
            newest_only: keep only the newest unread message.
            drop_oldest: of 10,000 unread messages drop the oldest, and count it in
                `Subscription.dropped`; otherwise the subscription ends with `SubscriptionOverrun`.

        Raises (when it is read):
            RequestError: every node refuses one of the streams.
        """
        return self._feed.join(tuple(streams), newest_only=newest_only, drop_oldest=drop_oldest)

    def closed_ledger(self, index: int) -> dict[str, Any] | None:
        """The `ledgerClosed` message of a ledger, if it closed while the pool was subscribed."""
        return self._feed.closed_ledger(index)

    # What is known.

    @property
    def network_id(self) -> int | None:
        """The network of the nodes; None while it is not known."""
        return self._belief.network_id

    def nodes(self) -> list[NodeStatus]:
        """Every node, as it is now."""
        return [node.status() for node in self._nodes]

    @property
    def ledgers(self) -> LedgerSet:
        """What all nodes together say they hold."""
        return LedgerSet.of(
            r for n in self._nodes if n.state != "refused" for r in n.ledgers.ranges
        )

    @property
    def newest_ledger(self) -> int:
        """The newest validated ledger that is known of; 0 before the first."""
        return self._belief.newest

    @property
    def missing_ledgers(self) -> dict[int, float]:
        """Ledgers that requests wait for, and for how many seconds none of the nodes served them."""
        return self._dispatcher.missing(self._clock())

    async def refresh(self) -> None:
        """Ask every ready node again what it holds."""
        await asyncio.gather(*(node.refresh() for node in self._nodes if node.ready))
        self._note_newest()

    def report_lie(self, node: str, why: str) -> None:
        """A node gave something that is proven wrong: it is not asked again for some time.

        The only node left is not ejected: it may still be right the next time.

        Args:
            node: as `Answer.node` names it.
            why: what was wrong, for the log.
        """
        for liar in self._nodes:
            if liar.label == node:
                self._belief.eject(liar, why)

    @property
    def names_network(self) -> bool:
        """Whether a node gave `network_id` itself: without one it counts as network 0."""
        return any(node.info is not None and node.info.names_network for node in self._nodes)

    # What nodes tell: see `NodeEvents`.

    def admit(self, node: Node, network_id: int | None) -> None:
        """Refuse a node of another network."""
        self._belief.admit(node, network_id)

    def unreadable(self, node: Node) -> None:
        """At the start, a pool without any other node cannot begin."""
        if self._first_ready.is_set():
            return
        if all(n.state == "refused" or n.is_left_alone for n in self._nodes):
            self._fail(UnreadableNode("; ".join(n.log.problem for n in self._nodes)))

    def ready(self, node: Node) -> None:
        """A node can take requests."""
        self._note_newest()
        self._first_ready.set()
        self._dispatcher.review(self._clock())
        self._dispatcher.pump()

    def lost(self, node: Node, calls: list[Call]) -> None:
        """A connection is lost."""
        if self._open:
            self._dispatcher.lost(node, calls)
        else:
            for call in calls:
                call.fail(ConnectionLost("the pool was closed"))
        if all(n.state == "refused" for n in self._nodes):
            self._fail(WrongNetwork("; ".join(n.log.problem for n in self._nodes)))

    def answered(self, node: Node, call: Call, response: dict[str, Any], now: float) -> None:
        """A response came."""
        self._dispatcher.answered(node, call, response, now)

    def streamed(self, node: Node, message: dict[str, Any]) -> None:
        """A message of a subscription came."""
        if message.get("type") != "ledgerClosed":
            self._feed.take(node, message)
        elif self._belief.is_believed(node, message.get("ledger_index", 0)):
            self._feed.take(node, message)
            self._note_newest()
            self._dispatcher.review(self._clock())

    def subscriptions(self) -> list[dict[str, Any]]:
        """The `subscribe` requests of a new connection."""
        return self._feed.requests()

    def subscribed(self, node: Node, request: dict[str, Any]) -> None:
        """A node sends these streams."""
        self._feed.accepted(node, request)

    def unsubscribed(self, node: Node, request: dict[str, Any], error: RequestError) -> None:
        """A node refuses these streams."""
        self._feed.refused(node, request, error)

    def _note_newest(self) -> None:
        self._dispatcher.newest = self._belief.note(self._feed.newest)

    def _refresh(self, node: Node) -> None:
        node.refreshing = True
        self._spawn(self._refresh_one(node))

    async def _refresh_one(self, node: Node) -> None:
        await node.refresh()
        self._note_newest()
        self._dispatcher.review(self._clock())

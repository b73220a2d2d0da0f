"""One node: its connection, which is opened again and again, and what is known about it.

It is one long class, because each step of a connection changes the same few facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from websockets.exceptions import WebSocketException

from ._call import API_VERSION, Call
from ._clock import Backoff
from ._liveness import Latency, Liveness, Sign
from ._node_log import NodeLog
from ._open_requests import OpenRequests
from ._wire import Connect, Connection, asks_for_less, reason_of, retry_after
from .answer import Text, error_of
from .errors import ConnectionLost, RequestError, UnreadableNode, WrongNetwork
from .ledger_set import LedgerSet
from .node_status import NodeInfo, NodeState, NodeStatus, result_of
from .url import redact
from .window import Window

__all__ = ["Node", "NodeEvents"]

# The close code of a server that drops a client for its load.
_POLICY_VIOLATION = 1008
# A server whose answers cannot be read will not change within seconds; after a minute it may have
# been replaced by another version.
_UNREADABLE = 60.0


class NodeEvents(Protocol):
    """The pool as a node sees it. Called from the socket's callback: must not block."""

    def admit(self, node: Node, network_id: int | None) -> None:
        """It belongs to this network, None where it does not say; raises `WrongNetwork`."""

    def unreadable(self, node: Node) -> None:
        """What it says of itself cannot be read: it is left alone for a while."""

    def ready(self, node: Node) -> None:
        """It can take requests."""

    def lost(self, node: Node, calls: list[Call]) -> None:
        """Its connection is lost, and these requests are not answered."""

    def answered(self, node: Node, call: Call, response: dict[str, Any], now: float) -> None:
        """A response came."""

    def streamed(self, node: Node, message: dict[str, Any]) -> None:
        """A message of a subscription came."""

    def subscriptions(self) -> list[dict[str, Any]]:
        """The `subscribe` requests that a new connection sends."""

    def subscribed(self, node: Node, request: dict[str, Any]) -> None:
        """It sends these streams now."""

    def unsubscribed(self, node: Node, request: dict[str, Any], error: RequestError) -> None:
        """It refuses these streams; raises the error where it cannot be used without them."""


class Node:
    """Keeps one connection alive, and carries requests over it.

    Args:
        url: where it is.
        events: the pool.
        window: how many requests it is given at once.
        clock: seconds, monotonic; stands still while the event loop does.
        liveness: a subscribed connection without a ledger for this many seconds is dead.
        open_timeout: seconds to connect, and to greet.
        public: whether it is a public server.
        connect: opens a connection.
    """

    def __init__(
        self,
        url: str,
        events: NodeEvents,
        *,
        window: Window,
        clock: Callable[[], float],
        liveness: float,
        open_timeout: float,
        public: bool,
        connect: Connect,
    ) -> None:
        self.url = url
        self.label = redact(url)
        self.public = public
        self.window = window
        self.state: NodeState = "connecting"
        self.ready = False
        self.ledgers = LedgerSet()
        self.timing = Latency()
        self.info: NodeInfo | None = None
        self.log = NodeLog(self.label)
        self.answers = 0
        self.requests = 0
        self.connections = 0
        self.lies = 0
        self.refreshed = float("-inf")
        self.refreshing = False
        self._events = events
        self._clock = clock
        self._liveness = Liveness(liveness)
        self._open_timeout = open_timeout
        self.is_left_alone = False
        self._connect = connect
        self._connection: Connection | None = None
        self._open_requests = OpenRequests()
        self._why = ""
        self._backoff = Backoff(clock)

    def __repr__(self) -> str:
        return f"<Node {self.label} {self.state}>"

    # What the choice looks at.

    @property
    def in_flight(self) -> int:
        """Requests sent and not answered."""
        return len(self._open_requests)

    @property
    def latency(self) -> float:
        """Seconds the next answer is expected to take."""
        return self.timing.expected(self._clock())

    def allows(self, now: float) -> bool:
        """Whether its window has room for one more request."""
        return self.window.allows(len(self._open_requests), now)

    def is_current(self, now: float) -> bool:
        """Whether it is connected and, if ledgers are subscribed to, still sends them."""
        return self.ready and not self._liveness.is_behind(now)

    # Requests.

    def send(self, call: Call, now: float) -> None:
        """Send a request. The caller has looked at `ready` and `allows`."""
        call.sent_to(self)
        self.requests += 1
        self.window.sent(now)
        self._send(self._open_requests.add(call, now), call.message)

    def _send(self, number: int, message: Mapping[str, Any]) -> None:
        assert self._connection is not None
        self._connection.send_now(orjson.dumps({"id": number, **message}))

    def overdue(self, age: float, now: float) -> list[tuple[int, Call, float]]:
        """Its requests open for longer than `age` seconds, oldest first: number, call, age."""
        return self._open_requests.overdue(age, now)

    def forget(self, number: int) -> None:
        """Count a request as open no longer; its answer is ignored if it comes."""
        self._open_requests.forget(number)

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request of the pool itself to this node; its whole response.

        Raises:
            ConnectionLost: the connection went.
            TimeoutError: no answer within `open_timeout`.
        """
        if self._connection is None:
            raise ConnectionLost(f"{self.label} is not connected")
        number, future = self._open_requests.add_own()
        sent = self._clock()
        self._send(number, message)
        try:
            async with asyncio.timeout(self._open_timeout):
                response: dict[str, Any] = await future
                now = self._clock()
                self.timing.take(now - sent, now)
                return response
        finally:
            self._open_requests.forget(number)

    def drop(self, why: str) -> None:
        """End the connection; it is opened again, and its requests are sent again, there or elsewhere."""
        if self._connection is not None:
            self._why = self._why or why
            self.ready = False
            self._connection.drop()

    def eject(self, seconds: float) -> None:
        """End the connection, and do not open it again for a while."""
        self.state = "ejected"
        self._backoff.put_off(seconds)
        self.drop("ejected")

    def pardon(self) -> None:
        """Connect again at once, although the time is not over."""
        self.state = "down"
        self._backoff.cut_short()

    # The connection's life.

    async def run(self) -> None:
        """Connect, greet, stay, and start again, until cancelled or refused."""
        self._backoff.begin()
        try:
            while True:
                await self._backoff.over()
                try:
                    await self._live()
                except WrongNetwork as error:
                    self._refuse(error)
                    return
                except UnreadableNode as error:
                    self._leave_alone(error)
                except (OSError, ValueError, WebSocketException, RequestError) as error:
                    self._unreachable(error)
        finally:
            if self.state != "refused":
                self.state = "closed"

    async def _live(self) -> None:
        self._why = ""
        connection = await self._connect(self.url, self._on_text, timeout=self._open_timeout)
        self._connection = connection
        closed = asyncio.ensure_future(connection.closed())
        # What waits for an answer must fail now, and not when its time is over.
        closed.add_done_callback(lambda _: self._fail_own())
        try:
            await self._greet()
            self._up()
            why = await asyncio.shield(closed)
            if connection.close_code == _POLICY_VIOLATION:
                self.overloaded("close 1008", say=False)
            self._down(why)
        except ConnectionLost:
            raise ConnectionError(self._why or await closed) from None
        except asyncio.CancelledError:
            await connection.close()
            raise
        finally:
            connection.drop()
            await closed
            self._leave()

    async def _greet(self) -> None:
        """Ask who it is, and subscribe. A node that refuses us does so here."""
        requests = self._events.subscriptions()
        info, *responses = await asyncio.gather(
            self.ask({"command": "server_info", "api_version": API_VERSION}),
            *(self.ask(request) for request in requests),
        )
        self._learn(info)
        for request, response in zip(requests, responses, strict=True):
            self.subscribed(request, response)

    def _learn(self, response: dict[str, Any]) -> None:
        self.info = NodeInfo.read(response, node=self.label)
        self._events.admit(self, self.info.network_id)
        self.refreshed = self._clock()
        self.ledgers = self.info.ledgers

    def _learn_ledgers(self, text: object) -> None:
        if isinstance(text, str):
            try:
                self.ledgers = LedgerSet.parse(text)
            except ValueError:
                # What it holds is known from server_info, and from each ledger that it announces.
                self.log.passed_over(
                    f"validated_ledgers is {text[:80]!r}, not ranges of ledgers", self._clock()
                )

    async def refresh(self) -> None:
        """Ask again what it holds. If that fails, the connection is dropped; nothing is raised."""
        self.refreshing = True
        try:
            self._learn(await self.ask({"command": "server_info", "api_version": API_VERSION}))
        except UnreadableNode as error:
            self._backoff.put_off(_UNREADABLE)
            self.drop(str(error))
        except (ConnectionLost, RequestError, TimeoutError, WrongNetwork) as error:
            self.drop(f"server_info failed: {error or 'no answer in time'}")
        finally:
            self.refreshing = False

    def subscribed(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        """Take the reply to `subscribe`; that to the stream `ledger` has the newest ledger."""
        try:
            result = result_of(response, "subscribe", node=self.label)
        except RequestError as error:
            self._events.unsubscribed(self, request, error)
            return
        self._events.subscribed(self, request)
        if "ledger" not in request["streams"]:
            return
        now = self._clock()
        self._liveness.ledger(now, is_new=False)
        if "ledger_index" in result:
            self._take_message({"type": "ledgerClosed", **result}, now)

    def _up(self) -> None:
        now = self._clock()
        self._liveness.connected(now)
        self._backoff.succeeded()
        self.connections += 1
        self.state, self.ready, self.is_left_alone = "ready", True, False
        self.log.back(now)
        self._events.ready(self)

    def _down(self, why: str) -> None:
        self._backoff.failed()
        self.log.lost(
            self._why or why,
            self._clock(),
            open_requests=len(self._open_requests),
            expected=self.state == "ejected",
        )
        if self.state != "ejected":
            self.state = "down"

    def _leave(self) -> None:
        self._connection, self.ready = None, False
        self._fail_own()
        calls = self._open_requests.take_all()
        for call in calls:
            call.left(self)
        self._events.lost(self, calls)

    def _fail_own(self) -> None:
        self._open_requests.fail_own(ConnectionLost(f"{self.label}: connection lost"))

    def _refuse(self, error: WrongNetwork) -> None:
        self.state = "refused"
        self.log.refused(str(error))
        self._events.lost(self, [])

    def _leave_alone(self, error: UnreadableNode) -> None:
        self.state, self.is_left_alone = "down", True
        self._backoff.failed()
        self._backoff.put_off(_UNREADABLE)
        self.log.unreadable(str(error), self._clock(), seconds=_UNREADABLE)
        self._events.unreadable(self)

    def _unreachable(self, error: BaseException) -> None:
        self.state = "down" if self.state != "ejected" else self.state
        self._backoff.failed()
        reason = reason_of(error, url=self.url, label=self.label)
        if asks_for_less(error):
            hint = retry_after(error)
            self.overloaded(reason, delay=hint, say=False)
            self._backoff.put_off(hint or 0.0)
        self.log.unreachable(reason, self._clock())

    def overloaded(self, sign: str, *, delay: float | None = None, say: bool = True) -> None:
        """It asked for less: halve its window. Said once in a while, not at each refusal.

        Args:
            delay: seconds to pause, as the server said, if it did.
            say: whether this is not said elsewhere.
        """
        now = self._clock()
        before = int(self.window.limit)
        if self.window.overloaded(now, delay=delay):
            after = int(self.window.limit)
            self.log.overloaded(sign, now, before=before, after=after, say=say)

    # What comes in.

    def _on_text(self, data: Text) -> None:
        try:
            message = self._open_requests.read(data)
        except ValueError:
            message = None
        if type(message) is not dict:
            return self.drop(f"sent a frame of {len(data)} bytes that is not a JSON object")
        if message.get("type") == "response" or "id" in message or "error" in message:
            self._take_response(message)
        else:
            self._take_message(message, self._clock())
        return None

    def _take_response(self, response: dict[str, Any]) -> None:
        number = self._open_requests.number_of(response)
        if number is None:
            if "error" in response and response.get("id") is None:
                self._take_unplaced(response)
            return
        entry = self._open_requests.answered(number, response)
        if entry is None:
            return
        call, sent = entry
        now = self._clock()
        self.timing.take(now - sent, now)
        call.left(self)
        self._events.answered(self, call, response, now)

    def _take_unplaced(self, error: dict[str, Any]) -> None:
        """An error that names no request, with several open: they are sent again, one at a time.

        Servers and proxies answer so when they are overloaded, or cannot parse what they got.
        """
        if not self._open_requests:
            self._open_requests.answer_own(error)
            return
        code, _ = error_of(error)
        self.window.narrow()
        self.drop(f"answered {code} and did not say to which request")

    def _take_message(self, message: dict[str, Any], now: float) -> None:
        if message.get("type") == "ledgerClosed":
            index = message.get("ledger_index")
            if not isinstance(index, int):
                return
            self._liveness.ledger(now, is_new=index > self.ledgers.last)
            self._learn_ledgers(message.get("validated_ledgers"))
            self.ledgers = self.ledgers.add(index)
        self._events.streamed(self, message)

    # Liveness.

    def check_alive(self, now: float, *, subscribed: bool) -> None:
        """Ping the connection when it is silent, drop it when it is dead."""
        if self._connection is None or not self.ready:
            return
        sign = self._liveness.look(now, received=self._connection.received, subscribed=subscribed)
        if sign is Sign.NO_LEDGER:
            self.drop(f"no ledger for {self._liveness.silence(now):.0f} s")
        elif sign is Sign.NO_ANSWER:
            self.drop("a ping was not answered")
        elif sign is Sign.SILENT:
            self._send(self._open_requests.number(), {"command": "ping"})

    def status(self) -> NodeStatus:
        """What is known of it now."""
        return NodeStatus(
            url=self.label,
            state=self.state,
            network=self.info.network_id if self.info else None,
            kind=self.info.kind if self.info else None,
            version=self.info.version if self.info else "",
            ledgers=self.ledgers,
            latency=self.timing.mean if self.timing.known else None,
            in_flight=len(self._open_requests),
            window=int(self.window.limit),
            load=self.info.load if self.info else None,
            requests=self.requests,
            answers=self.answers,
            reconnects=max(0, self.connections - 1),
            errors=self.log.errors,
            problem=self.log.problem,
            public=self.public,
        )

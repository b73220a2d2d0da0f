"""One node: its connection through all its lives, and what is known of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from websockets.exceptions import WebSocketException

from .answers import error_of
from .call import API_VERSION, Call
from .errors import ConnectionLost, RequestError, UnreadableNode, WrongNetwork
from .latency import Latency
from .ledger_set import LedgerSet
from .liveness import Liveness, Sign
from .node_events import NodeEvents
from .node_info import NodeInfo, result_of
from .node_status import NodeState, NodeStatus
from .reasons import asks_for_less, reason_of, retry_after
from .redact import redact
from .trouble import Trouble
from .turns import Turns
from .window import Window
from .wire import Text, Wire

__all__ = ["Node"]

_POLICY_VIOLATION = 1008
# A server whose words cannot be read does not learn to speak within seconds; one that is replaced
# by another version meanwhile is found again.
_UNREADABLE = 60.0


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
        self.trouble = Trouble(self.label)
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
        self._wire: Wire | None = None
        self._ids = itertools.count(1)
        self._calls: dict[int, tuple[Call, float]] = {}
        self._own: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._why = ""
        self._turns = Turns(clock)
        self.is_left_alone = False

    def __repr__(self) -> str:
        return f"<Node {self.label} {self.state}>"

    # What the choice looks at.

    @property
    def in_flight(self) -> int:
        """Requests sent and not answered."""
        return len(self._calls)

    @property
    def latency(self) -> float:
        """Seconds the next answer is expected to take."""
        return self.timing.expected(self._clock())

    def allows(self, now: float) -> bool:
        """Whether its window has room for one more request."""
        return self.window.allows(len(self._calls), now)

    def is_current(self, now: float) -> bool:
        """Whether it is there, and still hears of new ledgers as far as anybody listens."""
        return self.ready and not self._liveness.is_behind(now)

    # Requests.

    def send(self, call: Call) -> None:
        """Send a request. The caller has looked at `ready` and `allows`."""
        assert self._wire is not None
        number = next(self._ids)
        now = self._clock()
        self._calls[number] = (call, now)
        call.holders.append(self)
        call.attempts += 1
        self.requests += 1
        self.window.sent(now)
        self._wire.send_now(orjson.dumps({"id": number, **call.message}).decode())

    def overdue(self, age: float, now: float) -> list[tuple[int, Call, float]]:
        """Its requests open for longer than `age` seconds, oldest first: number, call, age."""
        late: list[tuple[int, Call, float]] = []
        for number, (call, sent) in self._calls.items():
            if now - sent <= age:
                break
            late.append((number, call, now - sent))
        return late

    def forget(self, number: int) -> None:
        """Count a request as open no longer; its answer, should it come, is ignored."""
        self._calls.pop(number, None)

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request of the pool itself to this node; its whole response.

        Raises:
            ConnectionLost: the connection went.
            TimeoutError: no answer within `open_timeout`.
        """
        if self._wire is None:
            raise ConnectionLost(f"{self.label} is not connected")
        number = next(self._ids)
        future = self._own[number] = asyncio.get_running_loop().create_future()
        sent = self._clock()
        self._wire.send_now(orjson.dumps({"id": number, **message}).decode())
        try:
            async with asyncio.timeout(self._open_timeout):
                response: dict[str, Any] = await future
                now = self._clock()
                self.timing.take(now - sent, now)
                return response
        finally:
            self._own.pop(number, None)

    def drop(self, why: str) -> None:
        """End the connection; it is opened again, and its requests go on there or elsewhere."""
        if self._wire is not None:
            self._why = self._why or why
            self.ready = False
            self._wire.drop()

    def eject(self, seconds: float) -> None:
        """End the connection, and do not open it again for a while."""
        self.state = "ejected"
        self._turns.put_off(seconds)
        self.drop("ejected")

    def pardon(self) -> None:
        """Connect again at once, although the time is not over."""
        self.state = "down"
        self._turns.now()

    # The connection's life.

    async def run(self) -> None:
        """Connect, greet, stay, and start again, until cancelled or refused."""
        self._turns.begin()
        try:
            while True:
                await self._turns.next()
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
        wire = await Wire.open(self.url, self._on_text, timeout=self._open_timeout)
        self._wire = wire
        closed = asyncio.ensure_future(wire.closed())
        # Whoever waits for an answer learns at once that none will come.
        closed.add_done_callback(lambda _: self._fail_own())
        try:
            await self._greet()
            self._up()
            why = await asyncio.shield(closed)
            if wire.close_code == _POLICY_VIOLATION:
                self.overloaded("close 1008", say=False)
            self._down(why)
        except ConnectionLost:
            raise ConnectionError(self._why or await closed) from None
        except asyncio.CancelledError:
            await wire.close()
            raise
        finally:
            wire.drop()
            await closed
            self._leave()

    async def _greet(self) -> None:
        """Learn who it is, and subscribe; anything it holds against us shows here."""
        questions = [self.ask({"command": "server_info", "api_version": API_VERSION})]
        subscription = self._events.subscription()
        if subscription:
            questions.append(self.ask(subscription))
        info, *subscribed = await asyncio.gather(*questions)
        self._learn(info)
        for response in subscribed:
            self.subscribed(response)

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
                self.trouble.passed_over(
                    f"validated_ledgers is {text[:80]!r}, not ranges of ledgers", self._clock()
                )

    async def refresh(self) -> None:
        """Ask again what it holds. Its failures are the connection's failures: nothing raised."""
        self.refreshing = True
        try:
            self._learn(await self.ask({"command": "server_info", "api_version": API_VERSION}))
        except UnreadableNode as error:
            self._turns.put_off(_UNREADABLE)
            self.drop(str(error))
        except (ConnectionLost, RequestError, TimeoutError, WrongNetwork) as error:
            self.drop(f"server_info failed: {error or 'no answer in time'}")
        finally:
            self.refreshing = False

    def subscribed(self, response: dict[str, Any]) -> None:
        """Take the reply to `subscribe`: it carries the newest ledger."""
        result = result_of(response, "subscribe", node=self.label)
        now = self._clock()
        self._liveness.ledger(now, is_new=False)
        if "ledger_index" in result:
            self._take_message({"type": "ledgerClosed", **result}, now)

    def _up(self) -> None:
        now = self._clock()
        self._liveness.connected(now)
        self._turns.succeeded()
        self.connections += 1
        self.state, self.ready, self.is_left_alone = "ready", True, False
        self.trouble.back(now)
        self._events.ready(self)

    def _down(self, why: str) -> None:
        self._turns.failed()
        self.trouble.lost(
            self._why or why,
            self._clock(),
            open_requests=len(self._calls),
            expected=self.state == "ejected",
        )
        if self.state != "ejected":
            self.state = "down"

    def _leave(self) -> None:
        self._wire, self.ready = None, False
        self._fail_own()
        calls = [call for call, _ in self._calls.values()]
        self._calls.clear()
        for call in calls:
            if self in call.holders:
                call.holders.remove(self)
        self._events.lost(self, calls)

    def _fail_own(self) -> None:
        for future in self._own.values():
            if not future.done():
                future.set_exception(ConnectionLost(f"{self.label}: connection lost"))

    def _refuse(self, error: WrongNetwork) -> None:
        self.state = "refused"
        self.trouble.refused(str(error))
        self._events.lost(self, [])

    def _leave_alone(self, error: UnreadableNode) -> None:
        self.state, self.is_left_alone = "down", True
        self._turns.failed()
        self._turns.put_off(_UNREADABLE)
        self.trouble.unreadable(str(error), self._clock(), seconds=_UNREADABLE)
        self._events.unreadable(self)

    def _unreachable(self, error: BaseException) -> None:
        self.state = "down" if self.state != "ejected" else self.state
        self._turns.failed()
        reason = reason_of(error, url=self.url, label=self.label)
        if asks_for_less(error):
            hint = retry_after(error)
            self.overloaded(reason, delay=hint, say=False)
            self._turns.put_off(hint or 0.0)
        self.trouble.unreachable(reason, self._clock())

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
            self.trouble.overloaded(sign, now, before=before, after=after, say=say)

    # What comes in.

    def _on_text(self, data: Text) -> None:
        try:
            message = orjson.loads(data)
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
        number = response.get("id")
        if number is None and "error" in response:
            number = self._number_of(response)
        if not isinstance(number, int):
            return
        entry = self._calls.pop(number, None)
        if entry is None:
            own = self._own.get(number)
            if own is not None and not own.done():
                own.set_result(response)
            return
        call, sent = entry
        now = self._clock()
        self.timing.take(now - sent, now)
        if self in call.holders:
            call.holders.remove(self)
        self._events.answered(self, call, response)

    def _number_of(self, error: dict[str, Any]) -> int | None:
        """The request that an error without `id` answers; None where that cannot be known.

        Servers and proxies answer so when they are overloaded, or cannot parse what they got. With
        several requests open, they are sent again, one at a time: then it is known.
        """
        request = error.get("request")
        if isinstance(request, dict) and isinstance(number := request.get("id"), int):
            return number
        if len(self._calls) + len(self._own) == 1:
            return next(iter((*self._calls, *self._own)))
        for own in self._own.values() if not self._calls else ():
            if not own.done():
                own.set_result(error)
        if self._calls:
            code, _ = error_of(error)
            self.window.narrow()
            self.drop(f"answered {code} and did not say to which request")
        return None

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
        if self._wire is None or not self.ready:
            return
        sign = self._liveness.look(now, received=self._wire.received, subscribed=subscribed)
        if sign is Sign.NO_LEDGER:
            self.drop(f"no ledger for {self._liveness.silence(now):.0f} s")
        elif sign is Sign.NO_ANSWER:
            self.drop("a ping was not answered")
        elif sign is Sign.SILENT:
            number = next(self._ids)
            self._wire.send_now(orjson.dumps({"id": number, "command": "ping"}).decode())

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
            in_flight=len(self._calls),
            window=int(self.window.limit),
            load=self.info.load if self.info else None,
            requests=self.requests,
            answers=self.answers,
            reconnects=max(0, self.connections - 1),
            errors=self.trouble.errors,
            problem=self.trouble.problem,
            public=self.public,
        )

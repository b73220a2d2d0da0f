"""What was sent over one connection, and is not answered yet."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson

from ._call import Call
from .answer import Cut, Text

__all__ = ["OpenRequests"]


# Bytes of a message in which nothing is worth cutting out.
_SMALL = 1024


class OpenRequests:
    """The requests of one connection by the number that stands in them as `id`."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._calls: dict[int, tuple[Call, float]] = {}
        self._own: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._cuts: dict[Cut, None] = {}  # those that were asked for so far: a few

    def __len__(self) -> int:
        """Requests of the pool's users; those of the pool itself do not count."""
        return len(self._calls)

    def number(self) -> int:
        """A number for a request whose answer does not matter."""
        return next(self._numbers)

    def add(self, call: Call, now: float) -> int:
        """A request is sent; its number."""
        number = next(self._numbers)
        self._calls[number] = (call, now)
        if call.cut is not None:
            self._cuts[call.cut] = None
        return number

    def add_own(self) -> tuple[int, asyncio.Future[dict[str, Any]]]:
        """A request of the pool itself is sent; its number, and its whole response."""
        number = next(self._numbers)
        future = self._own[number] = asyncio.get_running_loop().create_future()
        return number, future

    def forget(self, number: int) -> None:
        """Count a request as open no longer; its answer is ignored if it comes."""
        self._calls.pop(number, None)
        self._own.pop(number, None)

    def overdue(self, age: float, now: float) -> list[tuple[int, Call, float]]:
        """Those open for longer than `age` seconds, oldest first: number, call, age."""
        late: list[tuple[int, Call, float]] = []
        for number, (call, sent) in self._calls.items():
            if now - sent <= age:
                break
            late.append((number, call, now - sent))
        return late

    def read(self, data: Text) -> Any:
        """The JSON of a message; where its request says so, with a part that was cut out of the text.

        Raises:
            ValueError: it is not JSON.
        """
        if len(data) >= _SMALL:
            for cut in self._cuts:
                taken = cut.take(data)
                if taken is None:
                    continue
                text, part = taken
                message = orjson.loads(text)
                if self._cut_of(message) is cut and cut.put(part, message):
                    return message
        return orjson.loads(data)

    def _cut_of(self, message: Any) -> Cut | None:
        """The cut that the request for this message asks for."""
        number = message.get("id") if type(message) is dict else None
        entry = self._calls.get(number) if type(number) is int else None
        return None if entry is None else entry[0].cut

    def number_of(self, response: dict[str, Any]) -> int | None:
        """The number of the request that a response answers; None where that cannot be known."""
        number = response.get("id")
        if number is None and "error" in response:
            request = response.get("request")
            number = request.get("id") if isinstance(request, dict) else None
            if number is None and len(self._calls) + len(self._own) == 1:
                number = next(iter((*self._calls, *self._own)))
        return number if isinstance(number, int) else None

    def answered(self, number: int, response: dict[str, Any]) -> tuple[Call, float] | None:
        """The request that a response answers, and when it was sent; None when it is not a user's."""
        entry = self._calls.pop(number, None)
        if entry is None:
            own = self._own.get(number)
            if own is not None and not own.done():
                own.set_result(response)
        return entry

    def answer_own(self, response: dict[str, Any]) -> None:
        """One response for everything that the pool itself asked."""
        for future in self._own.values():
            if not future.done():
                future.set_result(response)

    def fail_own(self, error: Exception) -> None:
        """No answer will come to what the pool itself asked."""
        for future in self._own.values():
            if not future.done():
                future.set_exception(error)

    def take_all(self) -> list[Call]:
        """Take out every request, the oldest first."""
        calls = [call for call, _ in self._calls.values()]
        self._calls.clear()
        return calls

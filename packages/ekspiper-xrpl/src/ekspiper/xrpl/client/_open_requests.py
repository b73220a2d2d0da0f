"""What was sent over one connection, and is not answered yet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import orjson

from ekspiper.xrpl.codec import TransactionBlobs

from ._call import Call
from ._wire import Text

__all__ = ["OpenRequests"]


# Bytes of a message that holds no transactions worth packing.
_SMALL = 1024


class OpenRequests:
    """The requests of one connection by the number that stands in them as `id`.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._calls: dict[int, tuple[Call, float]] = {}
        self._own: dict[int, asyncio.Future[dict[str, Any]]] = {}

    def __len__(self) -> int:
        """Requests of the pool's users; those of the pool itself do not count."""
        return len(self._calls)

    def number(self) -> int:
        """A number for a request whose answer does not matter."""
        return next(self._numbers)

    def add(self, call: Call) -> int:
        """A request is sent; its number."""
        number = next(self._numbers)
        self._calls[number] = (call, self._clock())
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
        """The JSON of a message; where it answers a request for blobs, with the transactions as such.

        Raises:
            ValueError: it is not JSON.
        """
        packed = TransactionBlobs.of_frame(data) if len(data) >= _SMALL else None
        if packed is not None:
            text, blobs = packed
            message = orjson.loads(text)
            if self._wants_blobs(message) and _put(blobs, message):
                return message
        return orjson.loads(data)

    def _wants_blobs(self, message: Any) -> bool:
        number = message.get("id") if type(message) is dict else None
        entry = self._calls.get(number) if type(number) is int else None
        return entry is not None and entry[0].blobs

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


def _put(blobs: TransactionBlobs, message: dict[str, Any]) -> bool:
    """Put them where they were taken out; whether that is where the transactions of a ledger stand."""
    result = message.get("result")
    ledger = result.get("ledger") if type(result) is dict else None
    if type(ledger) is not dict or ledger.get("transactions", blobs) is not None:
        return False
    ledger["transactions"] = blobs
    return True

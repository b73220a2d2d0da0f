"""Messages of the nodes' streams, as one stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ekspiper.core import Retryable

__all__ = ["Subscription", "SubscriptionOverrun"]

_MOST_MESSAGES = 10_000


class SubscriptionOverrun(Retryable):
    """The reader of a subscription is too slow: messages had to be dropped."""


class Subscription:
    """An async iterator over messages; made by `NodePool.subscribe`.

    Close it (`async with`, or `close()`) when it is not read to the end of the pool.
    """

    def __init__(
        self,
        streams: tuple[str, ...],
        *,
        newest_only: bool,
        leave: Callable[[Subscription], None],
    ) -> None:
        self.streams = streams
        self._messages: deque[dict[str, Any]] = deque(maxlen=1 if newest_only else None)
        self._leave = leave
        self._changed = asyncio.Event()
        self._error: Exception | None = None
        self._closed = False

    def put(self, message: dict[str, Any]) -> None:
        """Hand a message to the reader."""
        if len(self._messages) >= _MOST_MESSAGES:
            self.fail(SubscriptionOverrun(f"{_MOST_MESSAGES} messages were not read in time"))
            return
        self._messages.append(message)
        self._changed.set()

    def fail(self, error: Exception) -> None:
        """End the stream with an error, after what is there."""
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

"""When and how often a call is tried again: exponential backoff with full jitter, by stamina."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import stamina

from .errors import ConfigError, Throttled, is_retryable

__all__ = ["RetryPolicy", "retrying"]

T = TypeVar("T")

_is_ours: ContextVar[bool] = ContextVar("is_ours", default=False)
"""Whether it is one of our retries that stamina is about to log."""


def _says_more_than_we_do(record: logging.LogRecord) -> bool:
    """Callers tell of errors in words of their own; other uses of stamina are logged as they are."""
    ours = _is_ours.get()
    _is_ours.set(False)
    return not ours


logging.getLogger("stamina").addFilter(_says_more_than_we_do)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds of trying again.

    The n-th wait is drawn evenly from 0 to min(`longest`, `first` * 2^(n-1)) seconds: "full
    jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. A
    `Throttled` error waits for the delay that it names instead.

    Args:
        elapsed: give up when the first failure is this many seconds ago; None: never. A step
            gives up after a minute by default, a collector never: a dead sink stops the source.
        first: seconds, the bound of the first wait.
        longest: seconds, the bound of any wait.
    """

    elapsed: float | None = 60.0
    first: float = 0.1
    longest: float = 10.0

    def __post_init__(self) -> None:
        if self.first < 0 or self.longest < self.first:
            raise ConfigError(f"a retry waits 0 <= first <= longest seconds, not {self}")

    def wait(self, attempt: int) -> float:
        """Seconds to wait after failure number `attempt`, counted from 1."""
        bound = min(self.longest, self.first * 2.0 ** min(attempt - 1, 60))
        return random.uniform(0, bound)


async def retrying(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    after: Exception | None = None,
    on_retry: Callable[[Exception], None] = lambda error: None,
) -> T:
    """Await `call` until it succeeds, fails for good, or the policy gives up.

    Args:
        policy: how long to wait between tries, and when to give up.
        after: the error of a first try, where `call` has been tried already.
        on_retry: told of each error that is followed by another try, before the wait.

    Raises:
        Exception: what the last call raised. Cancelling interrupts a wait at once.
    """
    if after is None:
        try:
            return await call()
        except Exception as first:
            after = first
    clock = asyncio.get_running_loop().time
    failures = 0
    first_failure = clock()
    pending: Exception | None = after

    def backoff(error: Exception) -> bool | float:
        nonlocal failures
        if not is_retryable(error):
            return False
        failures += 1
        delay = error.delay if isinstance(error, Throttled) else policy.wait(failures)
        if policy.elapsed is not None and clock() - first_failure + delay > policy.elapsed:
            return False
        on_retry(error)
        _is_ours.set(True)
        return delay

    async for attempt in stamina.retry_context(on=backoff, attempts=None, timeout=None):
        with attempt:
            _is_ours.set(False)
            if pending is not None:
                error, pending = pending, None
                raise error
            return await call()
    raise AssertionError("stamina ends by returning or raising")

"""When and how often a call is tried again: exponential backoff with full jitter, by tenacity."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .errors import ConfigError, Throttled, is_retryable

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["RetryPolicy", "retrying"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to wait between tries, and when to give up.

    The n-th wait is drawn evenly from 0 to min(`longest`, `first` * 2^(n-1)) seconds: "full
    jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. A
    `Throttled` error waits for the delay that it names instead.

    Args:
        elapsed: give up when the first failure is this many seconds ago; with None, never. By
            default a step gives up after a minute and a collector never: a dead sink stops the
            source, so that nothing is lost.
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
        after: the error of a first try, if `call` has been tried already.
        on_retry: called with each error that is followed by another try, before the wait.

    Raises:
        Exception: what the last call raised. Cancelling interrupts a wait at once.
    """
    if after is None:
        try:
            return await call()
        except Exception as first:
            after = first
    if not is_retryable(after):
        raise after
    return await _again(call, policy, after, on_retry)


async def _again(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    first: Exception,
    on_retry: Callable[[Exception], None],
) -> T:
    """Await `call` after its first failure, by tenacity, which a run without failures never loads."""
    from tenacity import AsyncRetrying, retry_if_exception

    clock = asyncio.get_running_loop().time
    first_failure = clock()
    pending: Exception | None = first

    async def attempt() -> T:
        nonlocal pending
        if pending is not None:  # the first try has been made: tenacity only hears how it ended
            error, pending = pending, None
            raise error
        return await call()

    def wait(state: RetryCallState) -> float:
        error = _error_of(state)
        return error.delay if isinstance(error, Throttled) else policy.wait(state.attempt_number)

    def is_over(state: RetryCallState) -> bool:
        # By the loop's clock, which tests replace; tenacity's own bounds use the machine's.
        passed = clock() - first_failure + state.upcoming_sleep
        return policy.elapsed is not None and passed > policy.elapsed

    tries = AsyncRetrying(
        sleep=asyncio.sleep,
        retry=retry_if_exception(is_retryable),
        wait=wait,
        stop=is_over,
        before_sleep=lambda state: on_retry(_error_of(state)),
        reraise=True,
    )
    return await tries(attempt)


def _error_of(state: RetryCallState) -> Exception:
    outcome = state.outcome
    error = outcome.exception() if outcome is not None else None
    assert isinstance(error, Exception), "only asked after a failure that is worth another try"
    return error

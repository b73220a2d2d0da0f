"""Backoff: full jitter within bounds, what the server says, and when to give up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import (
    ConfigError,
    Flow,
    PassThrough,
    Permanent,
    Pipeline,
    Retryable,
    RetryPolicy,
    Step,
    Throttled,
    is_retryable,
    processor,
    retrying,
)
from ekspiper.core.testing import ListSource, RecordingCollector, run_virtual


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(0, 100))
def test_a_wait_is_within_its_bound(attempt: int, first: float, more: float) -> None:
    policy = RetryPolicy(first=first, longest=first + more)
    assert 0 <= policy.wait(attempt) <= min(first + more, first * 2.0 ** min(attempt - 1, 60))


def test_waits_are_spread_over_the_whole_bound() -> None:
    waits = [RetryPolicy(first=1.0, longest=8.0).wait(10) for _ in range(500)]
    assert min(waits) < 1.0
    assert max(waits) > 7.0


def attempts(policy: RetryPolicy, *errors: Exception | None) -> tuple[Any, float, int]:
    """What comes of a call that raises `errors` in turn: the outcome, the seconds, the calls."""
    calls = 0

    async def call() -> str:
        nonlocal calls
        calls += 1
        error = errors[min(calls, len(errors)) - 1]
        if error is not None:
            raise error
        return "kept"

    async def main() -> tuple[Any, float]:
        began = asyncio.get_running_loop().time()
        try:
            outcome: Any = await retrying(call, policy)
        except Exception as error:
            outcome = error
        return outcome, asyncio.get_running_loop().time() - began

    outcome, seconds = run_virtual(main())
    return outcome, seconds, calls


def test_it_goes_on_until_it_works() -> None:
    errors = [Retryable("x"), ConnectionError("y"), TimeoutError("z"), OSError("w")]
    outcome, _, calls = attempts(RetryPolicy(), *errors[:3], None)
    assert (outcome, calls) == ("kept", 4)
    outcome, _, calls = attempts(RetryPolicy(), *errors, None)
    assert (outcome, calls) == (errors[3], 4), (
        "an OSError that is not a lost connection is permanent"
    )


def test_a_permanent_error_is_not_tried_again() -> None:
    error = Permanent("never")
    assert attempts(RetryPolicy(), error) == (error, 0.0, 1)


def test_it_waits_what_the_server_says() -> None:
    busy = Throttled(33.0, "busy")
    assert attempts(RetryPolicy(elapsed=100), busy, busy, None) == ("kept", 66.0, 3)


def test_it_gives_up_when_the_time_is_over() -> None:
    error = Retryable("down")
    outcome, seconds, calls = attempts(RetryPolicy(elapsed=30.0), error)
    assert outcome is error
    assert 10 < seconds <= 30
    assert calls > 3
    assert attempts(RetryPolicy(elapsed=30.0), Throttled(31.0, "busy"))[1:] == (0.0, 1)


def test_for_ever_is_long() -> None:
    _, seconds, calls = attempts(RetryPolicy(elapsed=None), *[Retryable("down")] * 2000, None)
    assert calls == 2001
    assert seconds > 3600


@pytest.mark.parametrize("options", [{"first": -1.0}, {"first": 5.0, "longest": 1.0}])
def test_bounds_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a retry waits"):
        RetryPolicy(**options)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Retryable("x"), True),
        (Throttled(1, "x"), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (TimeoutError(), True),
        (Permanent("x"), False),
        (ValueError(), False),
        (OSError(28, "full"), False),
        (asyncio.CancelledError(), False),
    ],
)
def test_what_is_worth_trying_again(error: BaseException, expected: bool) -> None:
    assert is_retryable(error) is expected


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_step_says_what_it_tries_again_and_no_more_when_it_works(concurrency: int) -> None:
    async def main() -> None:
        mended = asyncio.Event()

        @processor
        async def ask(item: int) -> int:
            if item == 2 and not mended.is_set():
                raise Throttled(10, f"busy with {item}")
            return item

        sink = RecordingCollector()
        step = Step(ask, collectors=(sink,), concurrency=concurrency)
        run = Pipeline(Flow("a", source=ListSource(range(5)), steps=(step,))).start()
        assert not run.statistics().steps
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(25)
        assert run.statistics().failing == {"a/ask": "busy with 2"}
        assert run.statistics().steps["a/ask"].retries == 3
        assert "failing now: busy with 2" in run._repr_html_()
        mended.set()
        await task
        assert run.statistics().failing == {}
        assert sink.items == list(range(5))

    run_virtual(main())


def test_a_collector_that_does_not_return_shows_for_how_long() -> None:
    async def main() -> None:
        class Hanging(RecordingCollector):
            answers = asyncio.Event()

            async def collect(self, batch: Any) -> None:
                await self.answers.wait()
                await super().collect(batch)

        sink = Hanging()
        step = Step(PassThrough(), collectors=(sink,))
        run = Pipeline(Flow("a", source=ListSource(range(3)), steps=(step,))).start()
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(20)
        (collector,) = run.statistics().collectors.values()
        assert (collector.failing, collector.busy) == (None, 20)
        sink.answers.set()
        await task
        (collector,) = run.statistics().collectors.values()
        assert collector.busy == 0

    run_virtual(main())
